"""``python -m tests.mutation``: every row off in turn; 1 if there is one that nobody missed."""

import sys
import time
from pathlib import Path

import click

from tests.mutation.rows import Row, rows_of
from tests.mutation.running import preload, run
from tests.mutation.tables import Tables, listed

_PATIENCE = 120.0  # seconds for the tests of one row


@click.command()
@click.argument("only", default="")
@click.option("--list", "listing", is_flag=True, help="Name the rows, and run nothing.")
def main(only: str, listing: bool) -> None:
    """Switch off each row whose module, table or text contains ONLY; a test must fail each time."""
    begun = time.monotonic()
    work = [
        (tables, row)
        for tables in listed()
        for row in rows_of(Path(tables.path).read_text(), *tables.deep)
        if row.table in tables.names and only in _name(tables, row)
    ]
    if listing:
        click.echo("\n".join(_name(*each) for each in work))
        return
    preload()
    for tests in dict.fromkeys(tables.tests for tables, _ in work):
        failing = run(None, None, tests, _PATIENCE * 4).noticed_by
        if failing is not None:
            click.echo(f"fails as it is: {failing}")
            sys.exit(2)
    survivors = [each for each in work if not _noticed(*each)]
    click.echo(
        f"{len(work)} rows, {len(survivors)} that nobody missed, {time.monotonic() - begun:.0f} s"
    )
    for each in survivors:
        click.echo(f"    {_name(*each)}")
    sys.exit(bool(survivors))


def _noticed(tables: Tables, row: Row) -> bool:
    found = run(tables.path, row, tables.tests, _PATIENCE).noticed_by
    click.echo(f"{_name(tables, row)}: {found or 'NOBODY'}")
    return found is not None


def _name(tables: Tables, row: Row) -> str:
    return f"{tables.path} {row.table}[{row.place}] {row.text}"


if __name__ == "__main__":
    main()

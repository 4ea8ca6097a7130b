"""``python -m bench.faults``: run the cases, print the table, write the figures."""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import click
import uvloop

from bench.document import LOSS_TABLE
from bench.faults.case import Case, Found, Sheet, Start
from bench.faults.cases import CASES
from bench.figures import Figure
from bench.report import write_report
from bench.table import render
from broker.process import raise_file_limit
from rig.cluster import Cluster

_OUT = Path(__file__).parents[1] / "out"
_LONGEST = 400.0  # seconds that a case may take


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", type=click.Choice(list(CASES)))
@click.option(
    "--out",
    default=_OUT / "faults.json",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the figures go, as JSON.",
)
@click.option("--write", is_flag=True, help="Put the table of loss-table into docs/failover.md.")
def main(names: tuple[str, ...], out: Path, write: bool) -> None:
    """Break a deployment in each promised way (NAME: only this one) and measure.

    Exits with 1 if a limit is not kept.
    """
    raise_file_limit()
    figures: list[Figure] = []
    for name in CASES:
        if not names or name in names:
            print(f"measuring {name} …", file=sys.stderr)
            found = uvloop.run(_run(name, CASES[name]))
            figures += found.figures
            if found.text:
                figures.append(_documented(found.text, write))
    report = write_report(figures, {}, out)
    click.echo(render(figures))
    click.echo(f"\nThe figures are in {out}.")
    if not report.passed:
        sys.exit(1)


def _documented(table: str, write: bool) -> Figure:
    """Whether the documentation has this table; with ``write`` it is put there first."""
    click.echo(f"{table}\n")
    if write:
        LOSS_TABLE.write(table)
    differs = LOSS_TABLE.written() != table
    return Sheet("loss_table").none("not_as_documented", differs, "docs/failover.md")


async def _run(name: str, case: Case) -> Found:
    """The case's figures, and what is true of every case."""
    sheet = Sheet(name.replace("-", "_"))
    begun = time.monotonic()
    found = Found([])
    async with _clusters() as (start, clusters):
        try:
            async with asyncio.timeout(_LONGEST):
                found = await case(start)
        except (Exception, ExceptionGroup) as error:  # noqa: BLE001 - the others are run all the same
            failed = [sheet.none("not_measured", 1, f"{type(error).__name__}: {error}"[:200])]
        else:
            failed = []
        defects = [line for cluster in clusters for line in cluster.defects()]
    for line in defects[:5]:
        print(line, file=sys.stderr)
    seconds = sheet.figure("case_took", "s", time.monotonic() - begun)
    common = [*failed, sheet.none("defects_logged", len(defects)), seconds]
    return Found([*found.figures, *common], found.text)


@asynccontextmanager
async def _clusters() -> AsyncIterator[tuple[Start, Sequence[Cluster]]]:
    """A maker of clusters, and those that it made; all end with the block."""
    folder = Path(tempfile.mkdtemp(prefix="streamhold-faults-"))
    made: list[Cluster] = []

    async def start(*, apis: int = 2, workers: int = 2, config: str = "") -> Cluster:
        for cluster in made:  # one at a time: idle ones take their share of the machine too
            await cluster.close()
        home = folder / str(len(made))
        home.mkdir()
        made.append(Cluster(home, config))
        await made[-1].start(apis=apis, workers=workers)
        return made[-1]

    try:
        yield start, made
    finally:
        for cluster in made:
            await cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

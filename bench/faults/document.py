"""The table in ``docs/failover.md``, between two marks: made by a case, never by hand."""

from pathlib import Path

FILE = Path(__file__).parents[2] / "docs" / "failover.md"
_BEGIN = "<!-- made by scripts/faults loss-table --write -->\n"
_END = "<!-- end of what was made -->"


def written_table() -> str:
    """What stands there."""
    return _parts()[1].rstrip("\n")


def write_table(table: str) -> None:
    """Put this one there."""
    before, _, after = _parts()
    FILE.write_text(f"{before}{_BEGIN}{table}\n{_END}{after}")


def _parts() -> tuple[str, str, str]:
    before, _, rest = FILE.read_text().partition(_BEGIN)
    table, _, after = rest.partition(_END)
    return before, table, after

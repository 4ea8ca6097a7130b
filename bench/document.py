"""A part of a document that a program makes and nobody writes by hand, between two marks."""

from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
_END = "<!-- end of what was made -->"


@dataclass(frozen=True)
class MadePart:
    """What ``command`` makes in a file."""

    file: Path
    command: str

    def written(self) -> str:
        """What stands there."""
        return self._parts()[1].rstrip("\n")

    def write(self, text: str) -> None:
        """Put this there."""
        before, _, after = self._parts()
        self.file.write_text(f"{before}{self._begin}{text}\n{_END}{after}")

    @property
    def _begin(self) -> str:
        return f"<!-- made by {self.command} -->\n"

    def _parts(self) -> tuple[str, str, str]:
        before, _, rest = self.file.read_text().partition(self._begin)
        text, _, after = rest.partition(_END)
        return before, text, after


LOSS_TABLE = MadePart(DOCS / "failover.md", "scripts/faults loss-table --write")
SCALING = MadePart(DOCS / "scaling.md", "scripts/bench --scaling figures.json --write")

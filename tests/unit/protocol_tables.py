"""PROTOCOL.md's tables, as the tests that show them to be true read them."""

from pathlib import Path

PROTOCOL = Path(__file__).parents[2] / "PROTOCOL.md"
PROVIDERS = ("chat", "messages", "responses", "gemini")


def rows(title: str) -> dict[str, dict[str, str]]:
    """The cells of the table under a title, by row and column."""
    section = PROTOCOL.read_text().split(f"### {title}\n", 1)[1].split("\n#", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    names = [name.removeprefix("from ") for name in table[0][1:]]
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in table[2:]}

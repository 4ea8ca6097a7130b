"""The made part of a page: replaced between its marks, and nothing else."""

from pathlib import Path

import pytest

from bench.document import LOSS_TABLE, SCALING, MadePart


@pytest.mark.parametrize("made", [LOSS_TABLE, SCALING])
def test_a_part_is_written_between_the_marks(made: MadePart, tmp_path: Path) -> None:
    marks = [line for line in made.file.read_text().splitlines() if line.startswith("<!--")]
    page = MadePart(tmp_path / "page.md", made.command)
    page.file.write_text("\n".join(("before", *marks, "after\n")))
    for table in ("| a |\n| b |", "| c |"):
        page.write(table)
        assert page.written() == table
    assert page.file.read_text().startswith("before\n<!--")
    assert page.file.read_text().endswith("-->\nafter\n")


def test_the_page_on_losses_has_a_row_a_policy() -> None:
    rows = LOSS_TABLE.written().splitlines()
    assert len(rows) == 7
    assert {row.count(" | ") for row in rows} == {4}

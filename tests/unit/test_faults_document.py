"""The table within a page: replaced between its marks, and nothing else."""

from pathlib import Path

import pytest

from bench.faults import document


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "page.md"
    marks = [line for line in document.FILE.read_text().splitlines() if line.startswith("<!--")]
    file.write_text("\n".join(("before", *marks, "after\n")))
    monkeypatch.setattr(document, "FILE", file)
    return file


def test_a_table_is_written_between_the_marks(page: Path) -> None:
    for table in ("| a |\n| b |", "| c |"):
        document.write_table(table)
        assert document.written_table() == table
    assert page.read_text().startswith("before\n<!--")
    assert page.read_text().endswith("-->\nafter\n")


def test_the_page_has_a_row_a_policy() -> None:
    rows = document.written_table().splitlines()
    assert len(rows) == 7
    assert {row.count(" | ") for row in rows} == {4}

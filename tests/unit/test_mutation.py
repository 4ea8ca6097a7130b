"""Rows of tables are found wherever they stand in a literal, and each is what is taken out."""

import ast
from typing import Any

import pytest

from tests.mutation.rows import Row, rows_of, without

SOURCE = """
from somewhere import Row
WORDS: dict[str, str] = {"a": "1", "b": "2", **OTHER}
NAMES = ("x", "y")
_SILENT = frozenset((*("p", "q"), "r", *("s",)))
ONE = {"only"}
ROWS = (Row(name="first", takes=1), Row(name="second", takes=2))
LIMIT = 5
small = ("not", "a", "table")
DERIVED = {key: value for key, value in WORDS.items()}
"""


def test_rows_are_those_of_literals_in_capitals() -> None:
    found = [(row.table, row.text) for row in rows_of(SOURCE)]
    assert found == [
        ("WORDS", "'a'"),
        ("WORDS", "'b'"),
        ("NAMES", "'x'"),
        ("NAMES", "'y'"),
        ("_SILENT", "'r'"),
        ("_SILENT", "'p'"),
        ("_SILENT", "'q'"),
        ("_SILENT", "'s'"),
        ("ONE", "'only'"),
        ("ROWS", "first"),
        ("ROWS", "second"),
    ]


def _run(row: Row | None) -> dict[str, Any]:
    tree = ast.parse(SOURCE) if row is None else without(SOURCE, row, "x.py")
    tree.body = [each for each in tree.body if not isinstance(each, ast.ImportFrom)]
    values: dict[str, Any] = {"OTHER": {"c": "3"}, "Row": lambda **fields: fields["name"]}
    exec(compile(tree, "x.py", "exec"), values)
    return values


@pytest.mark.parametrize("row", rows_of(SOURCE), ids=lambda row: f"{row.table} {row.text}")
def test_a_row_alone_is_taken_out(row: Row) -> None:
    whole, less = _run(None), _run(row)
    name = row.text.strip("'")
    assert name in set(whole[row.table])
    assert set(less[row.table]) == set(whole[row.table]) - {name}
    for table in ("WORDS", "NAMES", "_SILENT", "ONE", "ROWS"):
        assert table == row.table or less[table] == whole[table]
    assert ("a" in less["DERIVED"]) == (row != rows_of(SOURCE)[0])


def test_rows_of_rows_are_taken_out_where_that_is_asked_for() -> None:
    source = 'PLACES = {"in": (("a",), ("b", "c")), "out": (("d",),)}'
    rows = rows_of(source, "PLACES")
    assert [row.text for row in rows] == ["'in'", "'out'", "('a',)", "('b', 'c')", "('d',)"]
    found = []
    for row in rows:
        values: dict[str, Any] = {}
        exec(compile(without(source, row, "x.py"), "x.py", "exec"), values)
        found.append(values["PLACES"])
    assert found[0] == {"out": (("d",),)}
    assert found[3] == {"in": (("a",),), "out": (("d",),)}
    assert found[4] == {"in": (("a",), ("b", "c")), "out": ()}


def test_a_row_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LookupError):
        without(SOURCE, Row("GONE", 0, ""), "x.py")

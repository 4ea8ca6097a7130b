"""The table of hints: what clients send that another dialect's provider needs not be told."""

import pytest

from broker.dialects.hints import HINTS, hint_at, pattern_of
from broker.dialects.hints.hint import Hint


def test_places_are_no_part_of_a_pattern() -> None:
    assert pattern_of("messages[12].content[0].x") == "messages[].content[].x"


@pytest.mark.parametrize("hint", HINTS, ids=lambda hint: f"{hint.dialect}:{hint.path}")
def test_a_row_says_who_and_what(hint: Hint) -> None:
    assert hint.clients
    assert hint.means.endswith(".")
    same = [row for row in HINTS if (row.dialect, row.path) == (hint.dialect, hint.path)]
    assert same == [hint]


def test_a_hint_is_found_by_its_path_in_its_own_dialect() -> None:
    assert hint_at("messages", "tools[3].defer_loading", True) is not None
    assert hint_at("messages", "defer_loading", True) is None
    assert hint_at("chat", "tools[3].defer_loading", True) is None


def test_an_ending_that_may_be_any_and_values() -> None:
    row = Hint(dialect="chat", path="internal_*", clients="c", means="m.", values=(1,))
    assert row.names("internal_x")
    assert not row.names("x.internal_x")
    assert row.allows(1)
    assert not row.allows(True)

"""Each row of the table of vendors holds, and is needed: without it what shows it fails."""

import pytest

from broker.dialects.vendors import ROWS, switched_off, takes_of
from broker.settings.takes import Takes
from tests.unit.vendor_rows import SHOWN

NAMES = [row.name for row in ROWS]


def test_every_row_is_shown_and_says_where_it_is_known_from() -> None:
    assert sorted(SHOWN) == sorted(set(NAMES))
    assert len(NAMES) == len(set(NAMES))
    assert all(len(row.source) > 10 and row.takes != Takes() for row in ROWS)


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_a_row_holds(name: str) -> None:
    SHOWN[name]()


@pytest.mark.parametrize("name", NAMES)
def test_without_a_row_what_shows_it_fails(name: str) -> None:
    with switched_off(name), pytest.raises((AssertionError, KeyError, ValueError)):
        SHOWN[name]()
    SHOWN[name]()


def test_there_are_no_other_rows_to_switch_off() -> None:
    with pytest.raises(KeyError), switched_off("nobodys"):
        pass


def test_an_operators_word_comes_after_the_table() -> None:
    own = {"claude-*": Takes(thinking="budget", budget_least=2048), "*-next": Takes(sampling=True)}
    assert takes_of("messages", "claude-opus-next", own).thinking == "budget"
    assert takes_of("messages", "claude-opus-next", own).sampling is True
    assert takes_of("messages", "other-next", own).thinking is None
    assert takes_of("messages", "claude-opus-4-8", own).budget_least == 2048

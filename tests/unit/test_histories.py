"""What one vendor said comes back to each other one: histories that are judged by the vendors.

A request that the vendor would refuse is a violation, unless the broker refused it before, by the
name of what the vendor does not take. So is a text, a call or a result that is not told.
"""

import itertools

import pytest

from tests.histories.foreseen import is_foreseen
from tests.histories.play import CALLERS, PROVIDERS, play

PAIRS = list(itertools.product(CALLERS, PROVIDERS))
FEW, MANY = 25, 300


@pytest.mark.parametrize(("caller", "provider"), PAIRS)
def test_no_vendor_refuses_what_comes_back_to_it(caller: str, provider: str) -> None:
    report = play(caller, provider, range(FEW))
    assert report.wrong == []
    asked, refused = report.asked.total(), report.foreseen.total()
    assert asked > 4 * FEW  # rounds of each are served by some vendor
    assert report.asked[f"{caller} -> {provider}"] > FEW
    assert report.failovers > FEW  # within a loop of calls
    assert refused < asked  # most is asked, and not refused before


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", [1000, 2000])
@pytest.mark.parametrize(("caller", "provider"), PAIRS)
def test_nor_does_one_of_many_more(caller: str, provider: str, first: int) -> None:
    report = play(caller, provider, range(first, first + MANY))
    assert report.wrong == []
    assert report.failovers > MANY


def test_a_refusal_is_foreseen_only_by_its_name() -> None:
    assert is_foreseen("temperature")
    assert is_foreseen("messages[3].content[1]")
    assert not is_foreseen("messages[3].role")
    assert not is_foreseen("messages[1].tool_calls[0].id")
    assert not is_foreseen("tools[0].parameters")

"""The SDKs of JavaScript as judges of what callers see, in every pair of dialects."""

from collections.abc import Iterable

import pytest

from tests.contract.judges.by_node import NODES, Asked, hear, right_for
from tests.contract.judges.drawn import drawn
from tests.contract.judges.right import difference
from tests.contract.judges.stage import Case, Court
from tests.contract.judges.test_answers import QUICK, cases, told

pytestmark = pytest.mark.usefixtures("npm_packages")


async def all_agree(court: Court, answers: Iterable[Case], kind: str = "") -> None:
    asked: list[Asked] = []
    expected = []
    for one in answers:
        for judge in NODES:
            prompt = court.stage.add(one)
            provider = one.spoken + kind
            asked.append(Asked(judge.name, court.url, f"{provider}/judged", prompt))
            expected.append((f"{provider} says {one.name!r}", right_for(judge, one.answer)))
    found = await hear(asked)
    faults = [
        f"{name}, heard by {call.judge}: {difference(said, wanted)}"
        for call, said, (name, wanted) in zip(asked, found, expected, strict=True)
        if said != wanted
    ]
    assert not faults, f"{len(faults)} of {len(found)}\n\n" + "\n\n".join(faults)


async def test_every_caller_of_every_provider(court: Court) -> None:
    await all_agree(court, cases(*QUICK))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["", "-whole"])
async def test_every_answer(court: Court, kind: str) -> None:
    """Streamed by its provider, or not."""
    await all_agree(court, cases(), kind)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_drawn_answers(court: Court) -> None:
    await all_agree(court, told(drawn(4, 15)))

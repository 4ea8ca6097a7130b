"""The SDKs of JavaScript as judges of what callers see, in every pair of dialects."""

import pytest

from tests.contract.judges.by_node import NODES, Asked, hear, right_for
from tests.contract.judges.right import difference
from tests.contract.judges.stage import Court
from tests.contract.judges.test_answers import QUICK, cases

pytestmark = pytest.mark.usefixtures("npm_packages")


async def all_agree(court: Court, *names: str, kind: str = "") -> None:
    asked: list[Asked] = []
    expected = []
    for one in cases(*names):
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
    await all_agree(court, *QUICK)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["", "-whole"])
async def test_every_answer(court: Court, kind: str) -> None:
    """Streamed by its provider, or not."""
    await all_agree(court, kind=kind)

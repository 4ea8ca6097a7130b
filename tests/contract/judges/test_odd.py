"""The same of answers in odd shapes: nothing is lost on the way to any SDK, and nothing made up.

Who speaks the provider's own dialect may get its stream as it came: then the SDK shows what it
shows of the provider itself, and no more is lost than there. What is folded is right for all.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import structs

from tests.contract.judges.answer import Heard
from tests.contract.judges.by_node import NODES, Asked, Node, hear, right_for
from tests.contract.judges.odd_chat import ODD as ODD_CHAT
from tests.contract.judges.odd_chat_more import ODD as ODD_CHAT_MORE
from tests.contract.judges.odd_elsewhere import ODD as ODD_ELSEWHERE
from tests.contract.judges.panel import PANEL, Judge, Seat
from tests.contract.judges.right import agree, difference, right
from tests.contract.judges.stage import Case, Check, Court, all_of

_NUMBER = re.compile(r"'sequence_number': \d+")  # of an event, which is the broker's own
STEP = 5  # of the checks, one in so many is in the plain run
ODD = [*ODD_CHAT, *ODD_CHAT_MORE, *ODD_ELSEWHERE]


async def outcome(judge: Judge, model: str, prompt: str) -> Heard | str:
    """What was heard, or how the SDK fell over it."""
    try:
        return await judge(model, prompt)
    except Exception as error:  # noqa: BLE001 - whatever an SDK makes of it
        return _NUMBER.sub("", f"{type(error).__name__}: {error}")


def translated(court: Court, seat: Seat, one: Case, provider: str) -> Check:
    judge, prompt = seat.take(court.broker), court.stage.add(one)

    async def check() -> None:
        heard, wanted = await judge(f"{provider}/judged", prompt), right(one.answer, seat.surface)
        assert agree(heard, wanted), difference(heard, wanted)

    return f"{provider}, {one.name}, heard by {seat.name}", check


def untranslated(court: Court, seat: Seat, one: Case, provider: str) -> Check:
    """The same, or what the provider itself would be heard to say; figures are its own."""
    broker, prompt = seat.passed_on(court.broker), court.stage.add(one)
    itself = seat.provider(court.direct_whole if seat.whole else court.direct)
    streams = not seat.whole or one.whole is not None

    async def check() -> None:
        heard = await outcome(broker, f"{provider}/judged", prompt)
        wanted = right(one.answer, seat.surface)
        own = [structs.replace(wanted, reason=reason) for reason in one.reasons]
        if isinstance(heard, Heard) and any(
            agree(heard, each, counts=False) for each in (wanted, *own)
        ):
            return
        assert itself is not None, difference(heard, wanted)
        assert streams, difference(heard, wanted)
        said = await outcome(itself, "judged", prompt)
        assert heard == said, f"{difference(heard, wanted)}\n  the provider itself: {said}"

    return f"{provider}, {one.name}, heard by {seat.name}", check


def heard_by(court: Court, one: Case, seat: Seat, kind: str = "") -> Check:
    """The check of one judge; ``kind``: whether the provider streams."""
    apart = seat.surface != one.spoken
    return (translated if apart else untranslated)(court, seat, one, one.spoken + kind)


def streamed(court: Court) -> Iterator[Check]:
    for one in ODD:
        for seat in PANEL:
            yield heard_by(court, one, seat)


def whole(court: Court) -> Iterator[Check]:
    """By a provider that doesn't stream."""
    for one in ODD:
        for seat in PANEL:
            if one.whole is not None and (seat.whole or seat.surface != one.spoken):
                yield heard_by(court, one, seat, "-whole")


def every(checks: Iterator[Check], step: int) -> list[Check]:
    """One of so many, so that all judges and all shapes have their turns."""
    return list(checks)[::step]


async def test_nothing_is_lost_and_nothing_made_up(court: Court) -> None:
    assert len(PANEL) % STEP, "each shape would meet the same judges"
    await all_of([*every(streamed(court), STEP), *every(whole(court), STEP)])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", [streamed, whole])
async def test_for_every_judge(court: Court, kind: Callable[[Court], Iterator[Check]]) -> None:
    await all_of(kind(court))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("npm_packages")
async def test_translated_for_the_sdks_of_javascript(court: Court) -> None:
    asked: list[Asked] = []
    expected: list[tuple[Case, Node]] = []
    for one in ODD:
        for judge in NODES:
            if judge.surface != one.spoken:
                prompt = court.stage.add(one)
                asked.append(Asked(judge.name, court.url, f"{one.spoken}/judged", prompt))
                expected.append((one, judge))
    faults: list[Any] = []
    for (one, judge), heard in zip(expected, await hear(asked), strict=True):
        wanted = right_for(judge, one.answer)
        if not agree(heard, wanted):
            name = f"{one.spoken}, {one.name}, heard by {judge.name}:"
            faults.append(name + difference(heard, wanted))
    assert not faults, f"{len(faults)} of {len(asked)}\n\n" + "\n\n".join(faults)


def test_there_are_enough() -> None:
    assert len(ODD) >= 50
    assert len({(one.spoken, one.name) for one in ODD}) == len(ODD)

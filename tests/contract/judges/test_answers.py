"""Official SDKs as judges of what callers see of good answers, in every pair of dialects."""

import itertools
from collections.abc import Iterable, Iterator

import pytest
from msgspec import structs

from tests.contract.judges.answer import ANSWERS, COUNTS, Answer, Spoken
from tests.contract.judges.drawn import drawn
from tests.contract.judges.panel import GOOGLE, PANEL, Judge, Seat
from tests.contract.judges.right import difference, right
from tests.contract.judges.stage import SAYING, Case, Check, Court, all_of

FULL = "thoughts, text and calls"
QUICK = ("text", FULL)  # of the plain run


def case(spoken: Spoken, answer: Answer) -> Case:
    said = SAYING[spoken]
    return Case(answer.name, spoken, answer, said.stream(answer), said.whole(answer))


def cases(*names: str) -> Iterator[Case]:
    """Each answer as every dialect says it that has words for it."""
    return told(each for each in ANSWERS if not names or each.name in names)


def told(answers: Iterable[Answer]) -> Iterator[Case]:
    for answer in answers:
        for spoken, said in SAYING.items():
            if said.can(answer):
                yield case(spoken, answer)


def against(court: Court, seat: Seat, one: Case, provider: str) -> Check:
    """A judge's check of a case: it hears through the broker what is right."""
    judge = seat.take(court.broker)
    prompt = court.stage.add(one)

    async def check() -> None:
        heard, wanted = await judge(f"{provider}/judged", prompt), right(one.answer, seat.surface)
        assert heard == wanted, difference(heard, wanted)

    return f"{provider} says {one.name!r}, heard by {seat.name}", check


def directly(court: Court, *names: str) -> Iterator[Check]:
    """Each judge's check of what the provider itself says."""
    for one in cases(*names):
        for seat in (*PANEL, *GOOGLE):
            if seat.surface != one.spoken or seat.again:
                continue
            judge = seat.take(court.direct_whole if seat.whole else court.direct)
            prompt = court.stage.add(one)

            async def check(judge: Judge = judge, prompt: str = prompt, one: Case = one) -> None:
                heard, wanted = await judge("judged", prompt), right(one.answer, one.spoken)
                assert heard == wanted, difference(heard, wanted)

            yield f"{one.spoken} says {one.name!r} to {seat.name}", check


async def test_what_is_judged_is_what_the_vendors_say(court: Court) -> None:
    """Each SDK straight at the provider, whose answers are thereby those of its vendor."""
    await all_of(directly(court, FULL))


def tampered(answer: Answer) -> Iterator[Answer]:
    """The answer with one thing lost, or another."""
    first, *rest = answer.calls
    yield structs.replace(answer, text=answer.text[:-1])
    yield structs.replace(answer, thoughts=answer.thoughts[1:])
    yield structs.replace(answer, calls=tuple(rest))
    yield structs.replace(answer, calls=(structs.replace(first, arguments="{}"), *rest))
    yield structs.replace(answer, calls=(structs.replace(first, name="tides"), *rest))
    yield structs.replace(answer, end="length")
    yield structs.replace(answer, counts=structs.replace(COUNTS, reasoning=11))


async def test_a_judge_notices_what_is_lost(court: Court) -> None:
    (true,) = (each for each in ANSWERS if each.name == FULL)
    checks: list[Check] = []
    for spoken in SAYING:
        for number, false in enumerate(tampered(true)):
            for seat in (*PANEL, *GOOGLE):
                if seat.surface != spoken or seat.again:
                    continue
                judge = seat.take(court.direct_whole if seat.whole else court.direct)
                prompt = court.stage.add(case(spoken, false))

                async def check(
                    judge: Judge = judge, prompt: str = prompt, seat: Seat = seat
                ) -> None:
                    assert await judge("judged", prompt) != right(true, seat.surface)

                checks.append((f"{spoken}, tampered {number}, heard by {seat.name}", check))
    await all_of(checks)


async def test_every_caller_of_every_provider(court: Court) -> None:
    await all_of(against(court, seat, one, one.spoken) for one in cases(*QUICK) for seat in PANEL)


async def test_drawn_answers(court: Court) -> None:
    """Every judge has its turns."""
    checks = (against(court, s, one, one.spoken) for one in told(drawn(1, 15)) for s in PANEL)
    await all_of(list(checks)[::6])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [2, 3])
async def test_more_drawn_answers(court: Court, seed: int) -> None:
    kinds = itertools.cycle(("", "-whole"))
    await all_of(
        against(court, seat, one, one.spoken + kind)
        for one, kind in zip(told(drawn(seed, 25)), kinds, strict=False)
        for seat in PANEL
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_answer_of_the_vendors(court: Court) -> None:
    await all_of(directly(court))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("provider", ["", "-whole"])
async def test_every_answer(court: Court, provider: str) -> None:
    """Streamed by its provider, or not."""
    await all_of(
        against(court, seat, one, one.spoken + provider) for one in cases() for seat in PANEL
    )

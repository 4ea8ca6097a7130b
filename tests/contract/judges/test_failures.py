"""Official SDKs as judges of failures: none is told as a success, and whose words they are."""

from collections.abc import Iterator

import pytest

from tests.contract.judges import refusals
from tests.contract.judges.answer import Heard
from tests.contract.judges.by_node import NODES, Asked, hear
from tests.contract.judges.odd_ends import BEGUN, BROKEN, WORDS
from tests.contract.judges.panel import PANEL, Seat
from tests.contract.judges.stage import Case, Check, Court, all_of
from tests.contract.judges.test_odd import outcome


def broken(court: Court, seat: Seat, one: Case) -> Check:
    judge, prompt = seat.take(court.broker), court.stage.add(one)

    async def check() -> None:
        heard = await outcome(judge, f"{one.spoken}/judged", prompt)
        if isinstance(heard, Heard):
            assert heard.error, heard
            assert heard.reason is None, heard
            if "cut" not in one.name:
                assert WORDS in heard.message, heard
            if seat.name.endswith(("events", "chunks")):
                assert heard.text == BEGUN.text, heard
        else:  # OpenAI's helper for responses knows of no failure
            assert heard.startswith("RuntimeError: Didn't receive a `response.completed`"), heard

    return f"{one.spoken}, {one.name}, heard by {seat.name}", check


def streams(court: Court) -> Iterator[Check]:
    for one in BROKEN:
        for seat in PANEL:
            if not seat.again:
                yield broken(court, seat, one)


async def test_an_answer_that_breaks_off(court: Court) -> None:
    await all_of(streams(court))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("npm_packages")
async def test_an_answer_that_breaks_off_in_javascript(court: Court) -> None:
    cases = [(one, judge) for one in BROKEN for judge in NODES]
    asked = [
        Asked(judge.name, court.url, f"{one.spoken}/judged", court.stage.add(one))
        for one, judge in cases
    ]
    faults = [
        f"{one.spoken}, {one.name}, heard by {judge.name}:\n{heard}"
        for (one, judge), heard in zip(cases, await hear(asked), strict=True)
        if not heard.error or heard.reason is not None
    ]
    assert not faults, f"{len(faults)} of {len(asked)}\n\n" + "\n\n".join(faults)


# What a caller is answered, where it isn't the provider's own status; of others it is.
_ANSWERED = {401: 502, 500: 502, 503: 502, 529: 502}
_WORDLESS = (401, 500, 503)  # of the operator's account, or of nobody's making


def refused(court: Court, seat: Seat, one: Case) -> Check:
    judge, prompt = seat.take(court.broker), court.stage.add(one)
    status = int(one.name)

    async def check() -> None:
        heard = await judge(f"{one.spoken}/judged", prompt)
        assert heard.error, heard
        assert heard.status == _ANSWERED.get(status, status), heard
        assert refusals.WORDS in heard.message or status in _WORDLESS, heard
        assert (heard.text, heard.calls, heard.reason) == ("", [], None), heard

    return f"{one.spoken} answers {one.name}, heard by {seat.name}", check


async def test_a_refusal_has_its_status_and_its_words(court: Court) -> None:
    await all_of(
        refused(court, seat, one) for one in refusals.cases() for seat in PANEL if not seat.again
    )

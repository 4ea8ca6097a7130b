"""Polling: until a response has ended, and no longer."""

import asyncio
import json
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from broker.model import Failure
from workers.providers import failures, polling
from workers.providers.base import ProviderFailure
from workers.providers.polling import ended, standing_of

BUSY, QUEUED, DONE = (
    json.dumps({"id": "r", "status": status, "output": []}).encode()
    for status in ("in_progress", "queued", "completed")
)
AWAY = Failure("provider_error", "Not now.", provider_status=503)
LIMITED = Failure("rate_limit_exceeded", "Slowly.", status=429, retry_after=0.3)
GONE = Failure("invalid_request_error", "No such response.", status=404, remedy="final")


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    with patch.object(polling, "_FIRST", 0.01), patch.object(polling, "_LONGEST", 0.02):
        yield


class Script:
    """Answers in turn; the last one again and again."""

    def __init__(self, *answers: bytes | Failure) -> None:
        self.answers = list(answers)
        self.asked: list[float] = []  # the seconds that were left

    async def __call__(self, seconds: float) -> bytes:
        self.asked.append(seconds)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Failure):
            raise ProviderFailure(answer)
        return answer


async def failure_of(script: Script, total: float = 5.0) -> Failure:
    with pytest.raises(ProviderFailure) as caught:
        await ended(script, total)
    return caught.value.failure


async def test_it_is_asked_for_until_it_has_ended() -> None:
    script = Script(QUEUED, BUSY, BUSY, DONE)
    assert await ended(script, 5.0) == DONE
    assert len(script.asked) == 4
    assert script.asked == sorted(script.asked, reverse=True)
    assert script.asked[0] <= 5


@pytest.mark.parametrize("passing", [AWAY, failures.cut(), failures.timed_out("idle")])
async def test_what_passes_is_waited_for(passing: Failure) -> None:
    assert await ended(Script(BUSY, *[passing] * 5, BUSY, *[passing] * 5, DONE), 5.0) == DONE
    script = Script(passing)
    assert await failure_of(script) == passing
    assert len(script.asked) == 6


async def test_a_provider_that_wants_to_be_asked_less_often_is() -> None:
    script, loop = Script(LIMITED, DONE), asyncio.get_running_loop()
    started = loop.time()
    assert await ended(script, 5.0) == DONE
    assert loop.time() - started >= 0.3


async def test_what_is_gone_is_gone() -> None:
    script = Script(BUSY, GONE)
    assert await failure_of(script) == GONE
    assert len(script.asked) == 2


async def test_it_has_a_total() -> None:
    failure = await failure_of(Script(BUSY), 0.1)
    assert (failure.type, failure.code) == ("provider_timeout", "total")


async def test_what_was_cancelled_there_has_failed() -> None:
    failure = await failure_of(Script(BUSY, BUSY.replace(b"in_progress", b"cancelled")))
    assert (failure.type, failure.code) == ("provider_stream_error", "cancelled")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"status":{}}', b"{", b"[" * 9999])
async def test_what_is_no_response_is_its_decoders_to_judge(body: bytes) -> None:
    assert not standing_of(body).pending
    assert await ended(Script(body), 5.0) == body

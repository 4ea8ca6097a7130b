"""A call carried over as many connections as it takes, by blocking. ``async_reading`` is its twin.

    carry ── send ──▶ answer of somebody else, or a refusal ─────────▶ as it is
      ▲                 whole answer ── lost in the middle? ─┐───────▶ Whole
      │                 stream ──────────────────────────────┼───────▶ Reading
      └── pause, the same request under the same key ◀───────┘            │
                                       ▲──── cut without its terminal ────┘

Nothing runs but what the application itself runs: no thread, no task; no byte is read that it
did not ask for.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from streamhold_client.answer import Answer, Head, is_clear, is_passing, is_stream, retry_after
from streamhold_client.call import SHOWN, Call
from streamhold_client.sse import Block

R = TypeVar("R", bound=Answer)
H = TypeVar("H", bound=Head)
Send = Callable[[int], R]  # the request again, to go on after this cursor
Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Whole(Generic[H]):
    """An answer, and its body to the last byte, as it was on the wire."""

    answer: H
    body: bytes


def carry(call: Call, send: Send[R], sleep: Sleep = time.sleep) -> "R | Whole[R] | Reading[R]":
    """Make the call.

    Raises:
        the library's error, if it can't be mended or patience ran out.
    """
    answer = _first(call, send, sleep)
    while call.owns(answer):
        call.met = True
        if is_stream(answer):
            return Reading(call, send, answer, sleep) if is_clear(answer) else answer
        try:
            return Whole(answer, b"".join(answer.iter_raw()))
        except call.faults.failed as error:
            if not call.mends(error):
                raise
            answer = _again(call, send, sleep, error)
    return answer


def _first(call: Call, send: Send[R], sleep: Sleep) -> R:
    try:
        answer = send(call.track.cursor)
    except call.faults.failed as error:
        if not call.mends(error):
            raise
        return _again(call, send, sleep, error)
    if call.insists and is_passing(answer):
        return _again(call, send, sleep, None, answer)
    return answer


def _again(
    call: Call,
    send: Send[R],
    sleep: Sleep,
    error: Exception | None,
    answer: R | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> R:
    """The next answer that is more than a passing refusal.

    Raises:
        the error that it began with, once patience has run out (the refusal it began with is
        returned), or nobody wants the answer any more.
    """
    call.outage.begin()
    while True:
        if answer is not None:
            call.outage.ask(retry_after(answer))
        pause = call.outage.pause()
        if pause is None and error is None and answer is not None:
            return answer
        if answer is not None:
            answer.close()
            answer = None
        if pause is None:
            raise error or call.early()
        sleep(pause)
        if not wanted():
            raise error or call.early()
        try:
            answer = send(call.track.cursor)
        except call.faults.failed as failure:
            error = error or failure
            continue
        if not is_passing(answer):
            call.outage.over()
            return answer


class Reading(Generic[R]):
    """Iterates over a stream's blocks, a list at a time: all that one read brought."""

    def __init__(self, call: Call, send: Send[R], answer: R, sleep: Sleep = time.sleep) -> None:
        self.first = answer
        self._call = call
        self._send = send
        self._sleep = sleep
        self._answer = answer
        self._body = answer.iter_raw()
        self._over = False
        self._closed = False

    def __iter__(self) -> "Reading[R]":
        return self

    def __next__(self) -> list[Block]:
        while not self._over:
            blocks = self._advance()
            if blocks:
                return blocks
        raise StopIteration

    def close(self) -> None:
        """Close the connection of now. There is no other, and none will be made."""
        self._over = self._closed = True
        self._answer.close()

    def _advance(self) -> list[Block]:
        loss: Exception | None = None
        try:
            data = next(self._body, None)
        except self._call.faults.failed as error:
            data, loss = None, error
        if data is not None:
            return self._call.take(data)
        self._over = True  # unless it goes on; an error ends it too
        self._answer.close()
        if self._closed or self._call.ends(loss):
            return []
        return self._resume(loss or self._call.early())

    def _resume(self, loss: Exception) -> list[Block]:
        call = self._call
        answer = _again(call, self._send, self._sleep, loss, None, lambda: not self._closed)
        if self._closed or answer.status_code == 204:  # 204: the cursor is the terminal
            answer.close()
            return []
        if call.goes_on(answer):
            self._answer, self._body, self._over = answer, answer.iter_raw(), False
            return []
        try:
            return call.refuse(answer, _beginning(call, answer))
        finally:
            answer.close()


def _beginning(call: Call, answer: Answer) -> bytes:
    """As much of a refusal's body as is worth reading."""
    body = b""
    try:
        for data in answer.iter_raw():
            body += data
            if len(body) > SHOWN:
                break
    except call.faults.failed:
        pass
    return body

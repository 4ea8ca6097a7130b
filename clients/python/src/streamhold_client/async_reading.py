"""A call carried over as many connections as it takes, awaiting: the twin of ``reading``.

The drawing there holds here too. Line by line the two are the same, but for the awaiting.
"""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from anyio import sleep as pause_for

from streamhold_client.answer import AsyncAnswer, is_clear, is_passing, is_stream, retry_after
from streamhold_client.call import SHOWN, Call
from streamhold_client.reading import Whole
from streamhold_client.sse import Block

R = TypeVar("R", bound=AsyncAnswer)
Send = Callable[[int], Awaitable[R]]  # the request again, to go on after this cursor
Sleep = Callable[[float], Awaitable[None]]


async def carry(
    call: Call, send: Send[R], sleep: Sleep = pause_for
) -> "R | Whole[R] | AsyncReading[R]":
    """Make the call.

    Raises:
        the library's error, if it can't be mended or patience ran out.
    """
    answer = await _first(call, send, sleep)
    while call.owns(answer):
        call.met = True
        if is_stream(answer):
            return AsyncReading(call, send, answer, sleep) if is_clear(answer) else answer
        try:
            return Whole(answer, b"".join([data async for data in answer.aiter_raw()]))
        except call.faults.failed as error:
            if not call.mends(error):
                raise
            answer = await _again(call, send, sleep, error)
    return answer


async def _first(call: Call, send: Send[R], sleep: Sleep) -> R:
    try:
        answer = await send(call.track.cursor)
    except call.faults.failed as error:
        if not call.mends(error):
            raise
        return await _again(call, send, sleep, error)
    if call.insists and is_passing(answer):
        return await _again(call, send, sleep, None, answer)
    return answer


async def _again(
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
            await answer.aclose()
            answer = None
        if pause is None:
            raise error or call.early()
        await sleep(pause)
        if not wanted():
            raise error or call.early()
        try:
            answer = await send(call.track.cursor)
        except call.faults.failed as failure:
            error = error or failure
            continue
        if not is_passing(answer):
            call.outage.over()
            return answer


class AsyncReading(Generic[R]):
    """Iterates over a stream's blocks, a list at a time: all that one read brought."""

    def __init__(self, call: Call, send: Send[R], answer: R, sleep: Sleep = pause_for) -> None:
        self.first = answer
        self._call = call
        self._send = send
        self._sleep = sleep
        self._answer = answer
        self._body = answer.aiter_raw()
        self._over = False
        self._closed = False

    def __aiter__(self) -> "AsyncReading[R]":
        return self

    async def __anext__(self) -> list[Block]:
        while not self._over:
            blocks = await self._advance()
            if blocks:
                return blocks
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the connection of now. There is no other, and none will be made."""
        self._over = self._closed = True
        await self._answer.aclose()

    async def _advance(self) -> list[Block]:
        loss: Exception | None = None
        try:
            data = await anext(self._body, None)
        except self._call.faults.failed as error:
            data, loss = None, error
        if data is not None:
            return self._call.take(data)
        self._over = True  # unless it goes on; an error ends it too
        await self._answer.aclose()
        if self._closed or self._call.ends(loss):
            return []
        return await self._resume(loss or self._call.early())

    async def _resume(self, loss: Exception) -> list[Block]:
        call = self._call
        answer = await _again(call, self._send, self._sleep, loss, None, lambda: not self._closed)
        if self._closed or answer.status_code == 204:  # 204: the cursor is the terminal
            await answer.aclose()
            return []
        if call.goes_on(answer):
            self._answer, self._body, self._over = answer, answer.aiter_raw(), False
            return []
        try:
            return call.refuse(answer, await _beginning(call, answer))
        finally:
            await answer.aclose()


async def _beginning(call: Call, answer: AsyncAnswer) -> bytes:
    """As much of a refusal's body as is worth reading."""
    body = b""
    try:
        async for data in answer.aiter_raw():
            body += data
            if len(body) > SHOWN:
                break
    except call.faults.failed:
        pass
    return body

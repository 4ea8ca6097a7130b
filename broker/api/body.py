"""Request bodies: JSON only, and no more of it than the limit.

One that comes compressed (``broker.api.content_coding``) is what it stands for. A large one
(``broker.offload.size``) counts against the budget of its process and account from
then on; when there is no room nothing more is read of it, which slows its sender down.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

from starlette.requests import Request
from starlette.types import Message, Scope

from broker.api.content_coding import PIECE, undoing
from broker.api.headers import header
from broker.api.problems import LATE
from broker.errors import BadRequest, SlowRequest, TooLarge, UnsupportedMediaType
from broker.offload.budget import Budget, Reserved
from broker.offload.size import MOST_BYTES, MOST_PARTS, parts_in

_MOST_DIGITS = 18  # of a length; Python refuses to read a number of thousands


class Body(NamedTuple):
    """A body. ``reserved`` is what a large one has of the budget: release it; None: it is small."""

    data: bytes | bytearray
    reserved: Reserved | None = None


class BodyLimits(NamedTuple):
    """What a body may have, and whose budget it counts against if it is large."""

    size: int  # bytes
    parts: int  # see ``broker.offload.size``
    budget: Budget
    account: str


def has_body(scope: Scope) -> bool:
    """Whether the request declares one."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            return True
    return False


async def read_json(request: Request, limit: int) -> bytes:
    """The body, at most ``limit`` bytes, which are few.

    Raises:
        UnsupportedMediaType: it is not declared as application/json.
        TooLarge: it is over the limit, by its header or in fact.
        SlowRequest: it was not there in time.
        BadRequest: the client left within it.
    """
    _check_head(request, limit)
    data = bytearray()  # a list of parts of a byte or two would take twenty times as much
    async for part in _undone(request, limit):
        data += part
        if len(data) > limit:
            raise TooLarge(f"It may have {limit} bytes.")
    return bytes(data)


async def read_body(request: Request, limits: BodyLimits) -> Body:
    """The body of a call.

    Raises:
        UnsupportedMediaType, TooLarge: as ``read_json``. TooLarge: it has too many parts, too.
        Overloaded: too many large bodies are being worked on.
    """
    declared = _check_head(request, limits.size)
    if header(request, b"content-encoding") is not None:
        return await _read_undone(request, limits)
    message = await request.receive()
    first, more = _part_of(request, message), message.get("more_body", False)
    second = b""
    if more:  # nearly always nothing but the end
        message = await request.receive()
        second, more = _part_of(request, message), message.get("more_body", False)
    if not (second or more) and len(first) <= MOST_BYTES and parts_in(first) <= MOST_PARTS:
        return Body(first)
    reading = Reading(limits, declared)
    try:
        await reading.add(first)
        await reading.add(second)
        while more:
            message = await request.receive()
            more = message.get("more_body", False)
            await reading.add(_part_of(request, message))
    except BaseException:
        reading.give_up()
        raise
    return Body(reading.data if reading.reserved else bytes(reading.data), reading.reserved)


async def _read_undone(request: Request, limits: BodyLimits) -> Body:
    """The body of a call that may be compressed."""
    reading = Reading(limits, 0)
    try:
        async for piece in _undone(request, limits.size):
            await reading.add(piece)
    except BaseException:
        reading.give_up()
        raise
    return Body(reading.data if reading.reserved else bytes(reading.data), reading.reserved)


class Reading:
    """A body that comes in parts, or is large."""

    def __init__(self, limits: BodyLimits, declared: int) -> None:
        self.data = bytearray()
        self.reserved: Reserved | None = None
        self._limits = limits
        self._declared = declared
        self._counted = 0

    async def add(self, part: bytes) -> None:
        limits = self._limits
        self.data += part
        self._counted += parts_in(part)
        if len(self.data) > limits.size:
            raise TooLarge(f"It may have {limits.size} bytes.")
        if self._counted > limits.parts:
            raise TooLarge(f"It may have {limits.parts} parts: values, roughly.")
        if len(self.data) <= MOST_BYTES and self._counted <= MOST_PARTS:
            return
        if self.reserved is None:  # room for what it will be, if it says so
            size = max(len(self.data), self._declared)
            self.reserved = await limits.budget.take(limits.account, size)
        elif len(self.data) > self.reserved.size:
            self.reserved.grow(max(len(part), MOST_BYTES))

    def give_up(self) -> None:
        if self.reserved is not None:
            self.reserved.release()


def _check_head(request: Request, limit: int) -> int:
    """The length that a request declares, 0 if it declares none."""
    kind = (header(request, b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaType()
    declared = header(request, b"content-length") or ""
    if not declared.isdecimal():
        return 0
    if len(declared) > _MOST_DIGITS or int(declared) > limit:
        raise TooLarge(f"It may have {limit} bytes.")
    return int(declared)


def _part_of(request: Request, message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        if request.scope.get(LATE):
            raise SlowRequest("Its body is not complete.")
        raise BadRequest("The connection ended within the body.")
    part: bytes = message.get("body", b"")
    return part


async def _undone(request: Request, limit: int) -> AsyncIterator[bytes]:
    """What the body stands for, in parts; others have their turn in between.

    Raises:
        UnknownEncoding: it is in a coding that is not spoken here. BadRequest: it is not in the
            coding that it names, or not all of it is there. TooLarge: as it comes, it is too large.
    """
    undo = undoing(header(request, b"content-encoding"))
    size = 0
    async for part in _parts(request):
        size += len(part)
        if size > limit:
            raise TooLarge(f"It may have {limit} bytes.")
        if undo is None:
            yield part
            continue
        for piece in undo.feed(part):
            yield piece
            if len(piece) == PIECE:
                await asyncio.sleep(0)
    if undo is not None and not undo.whole:
        raise BadRequest("The body ends before it is complete, by its Content-Encoding.")


async def _parts(request: Request) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await request.receive()
        yield _part_of(request, message)
        more = message.get("more_body", False)

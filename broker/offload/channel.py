"""Messages between a process and its child, over a socket pair.

A message is a head of 12 bytes (the lengths of what follows: 4 bytes and 8, big-endian), then
MessagePack that says what it is about, then a payload of bytes.
"""

import asyncio
import socket
import struct
from typing import cast

_HEAD = struct.Struct(">IQ")
_PIECE = 256 * 1024  # bytes written at once


class ChildGone(Exception):
    """The other end was closed."""


class Blocking:
    """The child's end: it has nothing else to do than wait."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def receive(self) -> tuple[bytes, bytearray]:
        """The next message.

        Raises:
            ChildGone: there is none any more.
        """
        about, payload = _HEAD.unpack(self._read(_HEAD.size))
        return bytes(self._read(about)), self._read(payload)

    def send(self, about: bytes, payload: bytes = b"") -> None:
        """Send a message, however long it takes."""
        self._end.sendall(_HEAD.pack(len(about), len(payload)) + about)
        if payload:
            self._end.sendall(payload)

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        view, place = memoryview(data), 0
        while place < size:
            count = self._end.recv_into(view[place:])
            if not count:
                raise ChildGone()
            place += count
        return data


class Channel(asyncio.BufferedProtocol):
    """The parent's end, on its event loop. One message out, one back, in turn."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._answer: asyncio.Future[tuple[bytes, bytearray]] | None = None
        self._start()

    def _start(self) -> None:
        self._parts: list[bytearray] = []
        self._part = bytearray(_HEAD.size)
        self._place = 0

    async def ask(self, about: bytes, payload: bytes | bytearray) -> tuple[bytes, bytearray]:
        """Send a message and wait for the answer.

        Raises:
            ChildGone: the child ended before it had answered.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ChildGone()
        self._answer = asyncio.get_running_loop().create_future()
        transport.write(_HEAD.pack(len(about), len(payload)) + about)
        view = memoryview(payload)
        for place in range(0, len(payload), _PIECE):
            await self._room.wait()
            if self._answer.done():  # it is gone
                break
            transport.write(view[place : place + _PIECE])
        return await self._answer

    def tell(self, about: bytes) -> None:
        """Send a message that has no answer and no payload."""
        assert self._transport is not None
        self._transport.write(_HEAD.pack(len(about), 0) + about)

    def close(self) -> None:
        """Close this end: the child ends by itself then."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def connection_lost(self, exc: Exception | None) -> None:
        self._room.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ChildGone())

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes are read to: straight into the message's own."""
        return memoryview(self._part)[self._place :]

    def buffer_updated(self, nbytes: int) -> None:
        self._place += nbytes
        while self._place == len(self._part):
            self._parts.append(self._part)
            if len(self._parts) == 3:
                _, about, payload = self._parts
                self._start()
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result((bytes(about), payload))
                return
            self._part = bytearray(_HEAD.unpack(self._parts[0])[len(self._parts) - 1])
            self._place = 0

    def eof_received(self) -> bool:
        return False

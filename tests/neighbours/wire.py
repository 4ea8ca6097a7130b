"""Carries out an attacker's steps on plain sockets; keeps next to nothing of what comes back."""

import asyncio
import re
import socket
from contextlib import suppress
from urllib.parse import urlsplit

from tests.neighbours.attacks.strike import Ask, Body, Piece, Raw, Strike, Wait, head

_READ = 256 * 1024  # bytes a read
_HEAD = 64 * 1024  # bytes of an answer that are looked at
_SLOWLY = (200, 0.05)  # bytes, and seconds between two of them
_SMALL_BUFFER = 4096  # bytes that a socket of a reader who stalls takes in
_RESPONSE = re.compile(rb'"id"\s*:\s*"(resp_[^"]{1,200})"')
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Striking:
    """One strike. ``outcomes`` says how each of its steps ended: a status, or a word."""

    def __init__(self, strike: Strike, url: str) -> None:
        self.outcomes: list[str] = []
        self._strike = strike
        place = urlsplit(url)
        self._address = (place.hostname or "", place.port or 0)
        self._response = b"resp_unknown"

    async def carry_out(self) -> None:
        """Step by step. Leaves no connection open, cancelled or not."""
        for step in self._strike:
            if isinstance(step, Wait):
                await asyncio.sleep(step.seconds)
                continue
            try:
                if isinstance(step, Raw):
                    outcome = await self._send_raw(step)
                else:
                    async with asyncio.timeout(step.seconds):
                        outcome = await self._ask(self._named(step))
            except TimeoutError:
                outcome = "given up"
            except (OSError, EOFError):
                outcome = "cut off"
            self.outcomes.append(outcome)

    def _named(self, ask: Ask) -> Ask:
        body = ask.body
        if body is not None and len(body.pieces) == 1:
            piece = body.pieces[0]
            body = Body((Piece(piece.text.replace(b"{id}", self._response), piece.times),))
        return ask._replace(target=ask.target.replace(b"{id}", self._response), body=body)

    async def _connect(self, *, small: bool = False) -> Connection:
        connection = socket.socket()
        connection.setblocking(False)
        if small:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        try:
            await asyncio.get_running_loop().sock_connect(connection, self._address)
            return await asyncio.open_connection(
                sock=connection, limit=_SMALL_BUFFER if small else _READ
            )
        except BaseException:
            connection.close()
            raise

    async def _send_raw(self, raw: Raw) -> str:
        reader, writer = await self._connect()
        try:
            for part in raw.parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(raw.pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(raw.hold):
                    while await reader.read(_READ):
                        pass
                    return "closed by the server"
            return "held"
        finally:
            writer.transport.abort()

    async def _ask(self, ask: Ask) -> str:
        reader, writer = await self._connect(small=ask.reading == "stall")
        sending = asyncio.ensure_future(_send(ask, writer))
        try:
            if ask.reading == "none":
                await sending
                return "left"
            if ask.sending == "cut":
                await sending
                return "cut"
            return await self._read(ask, reader)
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await sending
            writer.transport.abort()

    async def _read(self, ask: Ask, reader: asyncio.StreamReader) -> str:
        kept, count, status = b"", 0, ""
        while data := await reader.read(_READ):
            count += len(data)
            if len(kept) < _HEAD:
                kept += data[: _HEAD - len(kept)]
                found = _STATUS.match(kept)
                status = found[1].decode() if found else status
            if ask.reading == "leave" and count >= ask.enough:
                break
            if ask.reading == "stall" and count >= ask.enough:
                await asyncio.sleep(ask.seconds)
        if found := _RESPONSE.search(kept):
            self._response = found[1]
        return status or "no answer"


async def _send(ask: Ask, writer: asyncio.StreamWriter) -> None:
    writer.write(head(ask))
    await writer.drain()
    if ask.body is None:
        return
    half = ask.body.size // 2
    sent = 0
    for block in ask.body.blocks():
        if ask.sending in ("cut", "unfinished") and sent + len(block) > half:
            writer.write(block[: max(0, half - sent)])
            await writer.drain()
            return
        sent += len(block)
        await _write(ask, writer, block)
    if ask.sending == "chunked":
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def _write(ask: Ask, writer: asyncio.StreamWriter, block: bytes) -> None:
    if ask.sending == "chunked":
        block = b"%x\r\n%b\r\n" % (len(block), block)
    if ask.sending != "slow":
        writer.write(block)
        await writer.drain()
        return
    size, pause = _SLOWLY
    for start in range(0, len(block), size):
        writer.write(block[start : start + size])
        await writer.drain()
        await asyncio.sleep(pause)

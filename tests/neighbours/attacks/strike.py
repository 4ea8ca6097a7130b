"""A strike: what is sent, how, and how the answer is read.

A body is held as pieces that repeat, and is written as it is sent: 32 MB cost their sender
a few kilobytes.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

Fields = tuple[tuple[bytes, bytes], ...]

JSON: Fields = ((b"content-type", b"application/json"),)
_SHOWN = 250  # bytes of a body that a description shows
_BLOCK = 256 * 1024  # bytes, about, of what is written at once


class Piece(NamedTuple):
    """``text`` so many times. Where ``numbered`` each has its number in the place of ``%d``."""

    text: bytes
    times: int = 1
    numbered: bool = False

    @property
    def each(self) -> int:
        """Bytes of one."""
        return len(self.text % 0) if self.numbered else len(self.text)

    def blocks(self) -> Iterator[bytes]:
        step = max(1, _BLOCK // max(1, self.each))
        for start in range(0, self.times, step):
            count = min(step, self.times - start)
            if self.numbered:
                yield b"".join(self.text % number for number in range(start, start + count))
            else:
                yield self.text * count


class Body(NamedTuple):
    """Bytes in pieces. Numbers are written with leading zeros (``%08d``), so sizes are exact."""

    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        return sum(piece.each * piece.times for piece in self.pieces)

    def blocks(self) -> Iterator[bytes]:
        for piece in self.pieces:
            yield from piece.blocks()

    def __bytes__(self) -> bytes:
        return b"".join(self.blocks())


Sending = Literal["whole", "slow", "cut", "unfinished", "chunked"]
Reading = Literal["all", "stall", "leave", "none"]


class Ask(NamedTuple):
    """One request on a connection of its own.

    ``sending``: *slow* is a few bytes at a time, *cut* closes after half of the body,
    *unfinished* sends half and waits. ``reading``: *stall* reads a little and then nothing,
    *leave* closes after ``enough`` bytes, *none* closes at once. In ``target`` the text
    ``{id}`` stands for the id of the response that an earlier step of the strike brought.
    """

    method: bytes
    target: bytes
    fields: Fields = ()
    body: Body | None = None
    account: int = 0  # which attacker; -1 sends no key
    sending: Sending = "whole"
    reading: Reading = "all"
    enough: int = 2000  # bytes
    seconds: float = 30.0  # then it is closed, whatever it is at


class Raw(NamedTuple):
    """Bytes as they are, with a pause between two; then hold the connection open, and close."""

    parts: tuple[bytes, ...]
    pause: float = 0.0
    hold: float = 0.0


class Wait(NamedTuple):
    """Nothing, for so many seconds."""

    seconds: float


Strike = tuple[Ask | Raw | Wait, ...]  # steps, in their order


def key(account: int) -> str:
    """The attackers' keys."""
    return f"attackers-key-{account}"


def head(ask: Ask) -> bytes:
    """The request's head as it is sent."""
    fields = [(b"host", b"localhost"), (b"connection", b"close"), *ask.fields]
    if ask.account >= 0:
        fields.append((b"authorization", b"Bearer " + key(ask.account).encode()))
    if ask.body is not None and ask.sending == "chunked":
        fields.append((b"transfer-encoding", b"chunked"))
    elif ask.body is not None:
        fields.append((b"content-length", b"%d" % ask.body.size))
    lines = [b"%b %b HTTP/1.1" % (ask.method, ask.target), *(b"%b: %b" % each for each in fields)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def describe(strike: Strike) -> str:
    """A strike in a line."""
    return "; ".join(map(_step, strike))


def _step(step: Ask | Raw | Wait) -> str:
    if isinstance(step, Wait):
        return f"wait {step.seconds:.1f} s"
    if isinstance(step, Raw):
        return f"raw {b''.join(step.parts)[:60]!r}"
    size = f" {step.body.size:,} bytes {step.sending}" if step.body is not None else ""
    if step.body is not None and step.body.size < _SHOWN:
        size += f" {bytes(step.body).decode('latin1')}"
    target = step.target[:70].decode("latin1")
    return f"{step.method.decode('latin1')} {target}{size}, reads {step.reading}"

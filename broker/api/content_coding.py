"""Request bodies that come compressed: gzip, deflate and zstd, undone a little at a time.

A few bytes can stand for megabytes. So no step gives more than a piece, whoever takes the pieces
counts them against the limit as they come, and stops.
"""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from broker.errors import BadRequest, UnknownEncoding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE = 64 * 1024  # bytes that one step gives at most
_MOST_NAME = 50  # characters of an unknown one that are repeated
_WINDOW_LOG = 23  # 8 MB, which is what every zstd decoder has to take (RFC 8878, 3.1.1.1.2)


class Undoing(Protocol):
    """Undoes one coding of one body."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes stand for, in pieces.

        Raises:
            BadRequest: they are none of this coding.
        """
        ...

    @property
    def whole(self) -> bool:
        """Whether the body may end here."""
        ...


class _Zlib:
    """``gzip``, of which several members may be; and ``deflate``, with its header or bare."""

    def __init__(self, name: str, bits: int) -> None:
        self._name = name
        self._bits = bits
        self._begun = b""  # of a deflate whose header is not there yet
        self._undo: zlib._Decompress | None = None
        self._ended = False

    @property
    def whole(self) -> bool:
        return self._ended and self._undo is None

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._undo is None:
                if self._ended and self._name != "gzip":
                    raise _bad(self._name)
                data = self._begin(data)
                if self._undo is None:
                    return
            try:
                piece = self._undo.decompress(data, PIECE)
                # What is left in its window has no more input to wait for.
                data = self._undo.unconsumed_tail
            except zlib.error as error:
                raise _bad(self._name) from error
            if piece:
                yield piece
            if self._undo.eof:
                data, self._undo, self._ended = self._undo.unused_data, None, True
            elif len(piece) == PIECE and not data:
                yield from self._flush()

    def _flush(self) -> Iterator[bytes]:
        """What a step could still give beyond its piece."""
        assert self._undo is not None
        while piece := self._undo.decompress(b"", PIECE):
            yield piece
            if self._undo.eof:
                self._undo, self._ended = None, True
                return

    def _begin(self, data: bytes) -> bytes:
        bits = self._bits
        if self._name == "deflate":
            data = self._begun + data
            if len(data) < 2:
                self._begun = data
                return b""
            self._begun = b""
            if data[0] & 0x0F != 8 or (data[0] * 256 + data[1]) % 31:
                bits = -zlib.MAX_WBITS  # some leave the header out
        self._undo, self._ended = zlib.decompressobj(bits), False
        return data


class _Zstd:
    """``zstd``; several frames may follow each other."""

    def __init__(self) -> None:
        self._undo: zstd.ZstdDecompressor | None = None
        self._ended = False

    @property
    def whole(self) -> bool:
        return self._ended and self._undo is None

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._undo is None:
                if not data:
                    return
                options = {int(zstd.DecompressionParameter.window_log_max): _WINDOW_LOG}
                self._undo, self._ended = zstd.ZstdDecompressor(options=options), False
            try:
                piece = self._undo.decompress(data, PIECE)
            except zstd.ZstdError as error:
                raise _bad("zstd") from error
            data = b""  # it keeps what it has not used
            if piece:
                yield piece
            if self._undo.eof:
                data, self._undo, self._ended = self._undo.unused_data, None, True
            elif self._undo.needs_input:
                return


_KNOWN: dict[str, Callable[[], Undoing]] = {
    "gzip": lambda: _Zlib("gzip", 16 + zlib.MAX_WBITS),
    "x-gzip": lambda: _Zlib("gzip", 16 + zlib.MAX_WBITS),
    "deflate": lambda: _Zlib("deflate", zlib.MAX_WBITS),
    "zstd": _Zstd,
}


def undoing(header: str | None) -> Undoing | None:
    """What undoes the codings that a ``Content-Encoding`` names; None if there are none.

    Raises:
        UnknownEncoding: it names another one, or more than one.
    """
    names = [name for each in (header or "").split(",") if (name := each.strip().lower())]
    names = [name for name in names if name != "identity"]
    if not names:
        return None
    if len(names) > 1 or names[0] not in _KNOWN:
        what = ", ".join(names)[:_MOST_NAME]
        raise UnknownEncoding(f"It may be gzip, deflate or zstd, not {what!r}.")
    return _KNOWN[names[0]]()


def _bad(name: str) -> BadRequest:
    return BadRequest(f"The body is not {name}, as its Content-Encoding says.")

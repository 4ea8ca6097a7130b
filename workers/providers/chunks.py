"""Chunked transfer coding, read as far as it is plain: whole chunks, one after another."""

import re
from typing import NamedTuple

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,7})\r\n")  # with anything else in it the parser is asked


class Chunks(NamedTuple):
    """What bytes hold that begin where a chunk does.

    ``content`` is that of the whole chunks in front, which take ``used`` bytes. ``missing``
    is how many bytes the chunk behind them lacks; 0 if nothing is behind them, or if that is
    no plain chunk: the last one, say, or a part of its size.
    """

    content: bytes
    used: int
    missing: int


def read_chunks(data: bytes) -> Chunks:
    """See ``Chunks``."""
    found = _SIZE.match(data)
    if found is not None:  # most often it is one chunk, and all of it
        start = found.end()
        end = start + int(found[1], 16)
        if end + 2 == len(data) and end > start and data.endswith(b"\r\n"):
            return Chunks(data[start:end], len(data), 0)
    return _read_several(data)


def _read_several(data: bytes) -> Chunks:
    parts: list[bytes] = []
    used = missing = 0
    while found := _SIZE.match(data, used):
        start = found.end()
        end = start + int(found[1], 16)
        if end == start:
            break
        if end + 2 > len(data):
            if b"\r\n".startswith(data[end:]):
                missing = end + 2 - len(data)
            break
        if data[end : end + 2] != b"\r\n":
            break
        parts.append(data[start:end])
        used = end + 2
    return Chunks(b"".join(parts), used, missing)

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


def whole_chunk(data: bytes) -> bytes | None:
    """The content of the one chunk that these bytes are, as they are most often; else None."""
    found = _SIZE.match(data)
    if found is None:
        return None
    start = found.end()
    end = start + int(found[1], 16)
    if end + 2 != len(data) or end == start or not data.endswith(b"\r\n"):
        return None
    return data[start:end]


def read_chunks(data: bytes) -> Chunks:
    """See ``Chunks``."""
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

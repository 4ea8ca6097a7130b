"""Request bodies: kept apart from the record, compressed when large, gone with the terminal.

The first byte says how the rest is packed: ``j`` plain JSON, ``z`` zlib.
"""

import zlib

_SMALL = 4096  # bytes of a request that are not counted: how many may be queued bounds those


def pack(body: bytes | bytearray, compress_above: int) -> bytes:
    """The bytes to store for a body."""
    if len(body) > compress_above:
        return b"z" + zlib.compress(body, 1)
    return b"j" + bytes(body)


def counted(size: int) -> int:
    """What a request counts as that takes so many bytes in the store; 0 if it is small."""
    return size if size > _SMALL else 0


def unpack(stored: bytes) -> bytes:
    """The body that ``pack`` was given."""
    return zlib.decompress(stored[1:]) if stored[:1] == b"z" else stored[1:]

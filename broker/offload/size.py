"""How large a body is: its bytes, and the parts that decoding it would make objects of.

A part is counted for each brace, bracket and comma, wherever it stands: an upper bound of the
values in the body, at the price of some memory reads. Commas in prose count too, one in sixty
characters or so, and are harmless. A number with an exponent, which takes as long to decode as
many others, counts as ``SLOW`` parts.
"""

from broker.dialects.numbers import slow_numbers

MOST_BYTES = 256 * 1024
MOST_PARTS = 8_000  # decoded in half a millisecond, translated in about ten
SLOW = 64


def parts_in(data: bytes | bytearray) -> int:
    """At most so many values are in this JSON, and what takes long counts for more."""
    values = data.count(b"{") + data.count(b"[") + data.count(b",")
    return values + SLOW * slow_numbers(data)


def is_large(data: bytes | bytearray) -> bool:
    """Whether a body is to be dealt with elsewhere than on an event loop."""
    return len(data) > MOST_BYTES or parts_in(data) > MOST_PARTS

"""How deep JSON may be nested: whoever decodes, translates or encodes it must be able to follow.

Python gives up at about a thousand levels, counted from wherever its caller stands. So a body
that can just be decoded at the door can't be encoded again further in. The door takes no more
than a part of that.
"""

from typing import Any

DEEPEST = 200  # levels


def is_shallow(data: bytes | bytearray, value: Any) -> bool:
    """Whether the value, decoded from these bytes, has at most DEEPEST levels."""
    return data.count(b"[") + data.count(b"{") <= DEEPEST or levels(value) <= DEEPEST


def levels(value: Any) -> int:
    """The levels of lists and objects in a value; of more than DEEPEST, one more than that.

    Level by level, not by recursion: a hundred thousand objects take 20 ms.
    """
    level, count = [value] if isinstance(value, dict | list) else [], 0
    while level and count <= DEEPEST:
        count += 1
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
    return count

"""JSON from a provider, decoded only as far as a typed view of it goes.

Providers cut text between the two halves of a surrogate pair, so an event may hold
``"\\ud83d"`` alone. JSON allows that and msgspec does not, not even in what it skips; what it
refuses is therefore put to the standard library before it is called garbled.
"""

import json
import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Generic, NoReturn, TypeVar

import msgspec

from broker.nesting import DEEPEST

T = TypeVar("T")

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_SHORT = 4096  # bytes, in which no numbers take long
_MOST_SLOW = 2_000  # numbers with an exponent: 0.1 s
_MOST = 500_000  # brackets; counting them takes 30 ms
# What is decoded in one go is bounded: a million objects take a tenth of a second, and 100 MB.
_MOST_VALUES = 1_000_000  # objects and arrays, and four times as many others
_MOST_QUOTES = 4_000_000  # two and more to a string
_SMALL = 1024 * 1024  # bytes in which there can't be too many of anything
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))

# RecursionError: nested too deep. ValueError has msgspec's, json's and Unicode's errors.
GARBLED = (ValueError, RecursionError)


class Payload(Generic[T]):
    """Decodes objects of one kind. ``kept`` gives what of one is going to be stored."""

    def __init__(self, kind: type[T], kept: Callable[[T], Any]) -> None:
        self._kind = kind
        self._kept = kept
        self._decode = msgspec.json.Decoder(kind).decode

    def read(self, data: bytes) -> T:
        """The object in these bytes.

        Raises:
            ValueError: there is none, or it can't be stored as UTF-8.
            RecursionError: it is nested too deep.
        """
        check_depth(data)
        try:
            found = self._decode(data)
        except msgspec.DecodeError:
            found = self._odd(data)
        if not data.isascii():
            data.decode()  # msgspec does not look into strings that it skips
        return found

    def _odd(self, data: bytes) -> T:
        """Decode what msgspec refused, if a lone surrogate was all that was wrong with it."""
        value = json.loads(data.decode(), parse_constant=_no_constant)
        found = msgspec.convert(value, self._kind)
        msgspec.json.encode(self._kept(found))
        return found


def check_depth(data: bytes) -> None:
    """Raise RecursionError if JSON is nested deeper than can be dealt with further on, or has
    more values than can be dealt with in one go."""
    small = len(data) <= _SMALL
    brackets = data.count(b"[") + data.count(b"{")
    if brackets <= DEEPEST and (small or data.count(b",") <= 4 * _MOST_VALUES):
        return
    if not small and data.count(b'"') - data.count(b'\\"') > _MOST_QUOTES:
        raise RecursionError
    bare = _STRING.sub(b"", data)
    left = bare.translate(None, _OTHERS)
    if not small and (len(left) > 2 * _MOST_VALUES or bare.count(b",") > 4 * _MOST_VALUES):
        raise RecursionError
    if len(left) > _MOST:
        for _ in range(8):  # each pass takes the innermost away; little is left if it is honest
            left = left.replace(b"[]", b"").replace(b"{}", b"")
    if len(left) > _MOST or max(accumulate(map(_STEPS.__getitem__, left)), default=0) > DEEPEST:
        raise RecursionError


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and the infinities are not JSON


def error_in(data: bytes) -> Any:
    """The error object of an event that is named one."""
    try:
        check_depth(data)
        decoded = msgspec.json.decode(data)
    except GARBLED:
        return None
    return decoded.get("error", decoded) if isinstance(decoded, dict) else decoded

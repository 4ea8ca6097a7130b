"""JSON from a provider, decoded only as far as a typed view of it goes.

Providers cut text between the two halves of a surrogate pair, so an event may hold
``"\\ud83d"`` alone. JSON allows that and msgspec does not, not even in what it skips; what it
refuses is therefore put to the standard library before it is called garbled.
"""

import json
from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar

import msgspec

T = TypeVar("T")

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


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and the infinities are not JSON


def error_in(data: bytes) -> Any:
    """The error object of an event that is named one."""
    try:
        decoded = msgspec.json.decode(data)
    except GARBLED:
        return None
    return decoded.get("error", decoded) if isinstance(decoded, dict) else decoded

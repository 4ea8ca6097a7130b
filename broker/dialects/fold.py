"""The fold of a stream: the whole answer that its frames add up to, put together as they come.

An answer may be hundreds of thousands of frames. So they are fed in parts, as they are read, and
what is kept of them takes memory of the answer's order, and time that is linear in it.
"""

import codecs
from collections.abc import Iterable
from typing import Any

import msgspec

from broker.dialects.wire import decode_object, encode
from broker.frames import Frame, Kind, data_of

_WHOLE = int(Kind.WHOLE)
_SHOWN = frozenset((int(Kind.DIALECT), int(Kind.USAGE)))
_PART = 1024 * 1024  # bytes that are looked at together
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Fold:
    """The frames of a stream so far, in the terms of one dialect: its subclass.

    Native-only frames and the terminal are passed over, and so is an event whose data is no
    JSON object: there is nothing in it to fold. A verbatim whole answer is the answer.
    """

    kinds = _SHOWN  # of the frames that hold events

    def __init__(self) -> None:
        self._whole: bytes | None = None

    def feed(self, frames: Iterable[Frame]) -> None:
        """Take the next frames."""
        if self._whole is not None:
            return
        kinds = self.kinds
        for kind, body in frames:
            if kind in kinds:
                event = decode_object(data_of(body))
                if event is not None:
                    self.take(event)
            elif kind == _WHOLE:
                self._whole = _object(data_of(body))
                if self._whole is not None:
                    return

    def answer(self) -> dict[str, Any]:
        """The whole answer. Once: what was gathered is used up."""
        if self._whole is not None:
            return decode_object(self._whole) or {}
        return self.folded()

    def encoded(self) -> bytes:
        """The whole answer as JSON, a verbatim one as it came. Once, as ``answer``."""
        return encode(self.folded()) if self._whole is None else self._whole

    def take(self, event: dict[str, Any]) -> None:
        """Take what an event says."""
        raise NotImplementedError

    def folded(self) -> dict[str, Any]:
        """What was taken, as one object."""
        raise NotImplementedError


def _object(data: bytes) -> bytes | None:
    """A JSON object as its own bytes, if it is one; mended where JSON or UTF-8 is not strict.

    It may be large: objects in place of its bytes would take ten times their memory.
    """
    try:
        _fields(data)
        _check_utf8(data)
    except (ValueError, RecursionError):
        found = decode_object(data)
        return None if found is None else encode(found)
    return data


def _check_utf8(data: bytes) -> None:
    if not data.isascii():
        decode = codecs.getincrementaldecoder("utf-8")().decode
        for place in range(0, len(data), _PART):
            decode(data[place : place + _PART], place + _PART >= len(data))

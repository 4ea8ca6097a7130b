"""The way back from the bytes of a stored entry to its frames (see ``broker.codec``), in steps.

A payload may hold far more than its own size: a frame against a template takes three bytes of
it and comes back with all that stands in the template. So whoever takes an entry that a caller
or a provider has had the making of takes a slice of it at a time, bounded in what comes out.
"""

from collections.abc import Mapping

from broker.frames import Frame, Kind

SLICE = 64 * 1024  # bytes of frames that are decoded in one go, and the last one's in all
FRAME = 100  # bytes that a frame takes beside its body
VERBATIM = 64
_DIFFERENCE = 128
_DIALECT = int(Kind.DIALECT)
_NO_END = 1 << 62
_made = tuple.__new__  # past a named tuple's own, which takes twice the time

Template = tuple[bytes, ...]


class UnknownTemplate(LookupError):
    """A payload names a template that the reader has not read yet."""


def get_varint(data: bytes, place: int) -> tuple[int, int]:
    """The unsigned LEB128 number at a place, and the place after it."""
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
        shift += 7


def decode(payload: bytes, templates: Mapping[int, Template]) -> list[Frame]:
    """The frames of an entry, all at once.

    Raises:
        UnknownTemplate: a template is missing from ``templates``; read them again.
    """
    return _decode(payload, 0, b"", templates, _NO_END)[0]


def size_of(frames: list[Frame]) -> int:
    """What frames count as, in bytes."""
    if len(frames) == 1:  # as most often
        return len(frames[0][1]) + FRAME
    return sum([len(body) for _, body in frames]) + FRAME * len(frames)


class Decoding:
    """An entry's frames, some at a time."""

    __slots__ = ("_payload", "_place", "_plain", "_templates")

    def __init__(self, payload: bytes, templates: Mapping[int, Template]) -> None:
        self._payload = payload
        self._templates = templates
        self._place = 0
        self._plain = b""

    @property
    def done(self) -> bool:
        """Whether no frame is left."""
        return self._place >= len(self._payload)

    def some(self, room: int = SLICE) -> list[Frame]:
        """The next frames: until there is no room (in bytes) left, but one at least.

        Raises:
            UnknownTemplate: a template is missing; this was as if it had not been called.
        """
        frames, self._place, self._plain = _decode(
            self._payload, self._place, self._plain, self._templates, room
        )
        if self._place >= len(self._payload):
            self._payload = self._plain = b""  # it may be large
            self._place = 0
        return frames


def _decode(
    payload: bytes, place: int, plain: bytes, templates: Mapping[int, Template], room: int
) -> tuple[list[Frame], int, bytes]:
    """Frames from a place on, the place after them, and the last that was against no template.

    ``plain`` is the last such frame before the place.
    """
    frames: list[Frame] = []
    end = len(payload)
    while place < end and room > 0:
        head = payload[place]
        place += 1
        if head >= _DIFFERENCE:
            plain, place = _patch(payload, place, plain, templates)
            frames.append(Frame(head - _DIFFERENCE, plain))
            room -= len(plain) + FRAME
            continue
        if head >= VERBATIM:
            length, place = get_varint(payload, place)
            plain = payload[place : place + length]
            frames.append(Frame(head - VERBATIM, plain))
            place += length
            room -= length + FRAME
            continue
        template = templates.get(head)
        if template is None:
            raise UnknownTemplate(head)
        if len(template) == 2 and (length := payload[place]) < 128:  # as nearly all are
            start = place + 1
            place = start + length
            body = template[0] + payload[start:place] + template[1]
        else:
            body, place = _filled(payload, place, template)
        frames.append(_made(Frame, (_DIALECT, body)))
        room -= len(body) + FRAME
    return frames, place, plain


def _filled(payload: bytes, place: int, template: Template) -> tuple[bytes, int]:
    """The body of a frame against a template, and the place after it."""
    parts = [template[0]]
    for segment in template[1:]:
        length = payload[place]
        place += 1
        if length > 127:
            length, place = get_varint(payload, place - 1)
        parts.append(payload[place : place + length])
        parts.append(segment)
        place += length
    return b"".join(parts), place


def _patch(
    payload: bytes, place: int, plain: bytes, templates: Mapping[int, Template]
) -> tuple[bytes, int]:
    """The body of a frame that is kept as a difference, and the place after it."""
    number = payload[place] - 1
    if number >= 0:
        if number not in templates:
            raise UnknownTemplate(number)
        plain = b"".join(templates[number])
    before, place = get_varint(payload, place + 1)
    after, place = get_varint(payload, place)
    length, place = get_varint(payload, place)
    end = place + length
    return plain[:before] + payload[place:end] + plain[len(plain) - after :], end

"""Compact frames: how the frames of one append become the bytes of one stored entry.

Most frames differ from the one before in a few strings: the delta, an obfuscation string,
a sequence number. A **template** is the list of byte segments that stay; between them are
holes, which hold raw bytes of the frame, never decoded text. So a frame that fits a
template comes back byte for byte, whatever escapes its JSON used.

How a template is found: a frame that fits none is cut at its JSON scalars. When two frames
have the same text between their scalars, the scalars in which they (or earlier pairs of
that shape) differed become the holes. Fitting is then a matter of ``startswith``, ``find``
and ``endswith``: no JSON is decoded on the way in or out.

A payload is a sequence of frames, each one head byte and its bytes:

    0-63      frame of kind DIALECT; per hole of template `head`: varint length, raw bytes
    64+kind   frame kept verbatim: varint length, body
    128+kind  the difference from another text, which the frame begins and ends like: a byte,
              0 for the frame before that is not against a template, n + 1 for template n with
              its holes empty; varint bytes in common at the begin, at the end; varint length,
              the bytes between. Only in streams that have ended (store/lua/pack.part.lua)

Invariants: a definition never changes and is written in the same step as the first frame
that uses it; at most 64 of them a job; a frame is stored against a template only after
fitting it, and fitting means that rendering gives the same bytes.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise

from broker.decoding import VERBATIM, Template, UnknownTemplate, decode, get_varint
from broker.frames import Kind

__all__ = [
    "MAX_TEMPLATES",
    "Encoder",
    "Template",
    "UnknownTemplate",
    "decode",
    "define",
    "fit",
    "parse_definition",
    "put_varint",
    "verbatim",
]

MAX_TEMPLATES = 64
_LEARN_BELOW = 4096  # bytes; a longer frame is not worth a template of its own
_SHAPES = 64  # shapes remembered while waiting for their second frame
_UNREAD = 4  # frames that are kept until one comes that may be like one of them
_BARE = bytes(set(range(0x20, 0x100)) - set(b'"\\'))  # may stand in a JSON string, if it is UTF-8
_INSIDE = re.compile(rb'(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*')
_SCALAR = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+-]*)')


def put_varint(out: bytearray, number: int) -> None:
    """Append an unsigned LEB128 number."""
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def verbatim(kind: int, body: bytes) -> bytes:
    """The payload of one frame kept as it is."""
    out = bytearray()
    _keep(out, kind, body)
    return bytes(out)


def _keep(out: bytearray, kind: int, body: bytes) -> None:
    out.append(VERBATIM + kind)
    put_varint(out, len(body))
    out += body


def define(template: Template) -> bytes:
    """A template's definition as it is stored: per segment a varint length and the bytes."""
    out = bytearray()
    for segment in template:
        put_varint(out, len(segment))
        out += segment
    return bytes(out)


def parse_definition(data: bytes) -> Template:
    """The template that ``define`` wrote."""
    segments: list[bytes] = []
    place = 0
    while place < len(data):
        length, place = get_varint(data, place)
        segments.append(data[place : place + length])
        place += length
    return tuple(segments)


def fit(template: Template, body: bytes) -> list[bytes] | None:
    """The holes with which the template renders to exactly this body, or None."""
    head, tail = template[0], template[-1]
    if not body.startswith(head):
        return None
    if len(template) == 1:
        return [] if len(body) == len(head) else None
    if not body.endswith(tail):
        return None
    end = len(body) - len(tail)
    place = len(head)
    holes: list[bytes] = []
    for segment in template[1:-1]:
        found = body.find(segment, place, end)
        if found < 0:
            return None
        holes.append(body[place:found])
        place = found + len(segment)
    if place > end:
        return None
    holes.append(body[place:end])
    return holes


def _put(out: bytearray, number: int, holes: list[bytes]) -> None:
    out.append(number)
    for hole in holes:
        size = len(hole)
        if size < 128:
            out.append(size)
        else:
            put_varint(out, size)
        out += hole


def _is_inside(text: bytes) -> bool:
    """Whether this may stand between the quotes of a JSON string."""
    if text.translate(None, _BARE) and _INSIDE.fullmatch(text) is None:
        return False
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=MAX_TEMPLATES)
def _before_holes(number: int) -> tuple[bytes, ...]:
    """What stands before the hole of a frame against this template, by the hole's length."""
    return tuple(bytes((number, size)) for size in range(128))


class _Run:
    """Frames one after the other against one template with one hole: the path of every token."""

    __slots__ = ("_before", "_between", "_end", "_head", "_least", "_number", "_skip")

    def __init__(self, template: Template, number: int) -> None:
        head, tail = template
        self._number = number
        self._before = _before_holes(number)
        self._head = head
        self._end = tail + b"\n\n"
        self._between = self._end + head
        self._skip = len(head)
        self._least = len(self._between)

    def put(self, events: bytes, out: bytearray) -> int:
        """See ``Encoder.again``. What does not fit is left in a hole, where a line may not end."""
        if (
            len(events) < self._least
            or not events.startswith(self._head)
            or not events.endswith(self._end)
        ):
            return 0
        holes = events[self._skip : -len(self._end)].split(self._between)
        together = b"".join(holes) if len(holes) > 1 else holes[0]
        if (together.translate(None, _BARE) or not together.isascii()) and not all(
            map(_is_inside, holes)
        ):
            return 0
        before = self._before
        for hole in holes:
            size = len(hole)
            if size < 128:
                out += before[size]
            else:
                out.append(self._number)
                put_varint(out, size)
            out += hole
        return len(holes)


class Encoder:
    """Encodes one job's frames; it learns templates as it goes."""

    __slots__ = (
        "_fitted",
        "_fresh",
        "_latest",
        "_runs",
        "_seen",
        "_unread",
        "templates",
    )

    def __init__(self) -> None:
        self.templates: list[Template] = []
        self._fresh: list[tuple[int, bytes]] = []
        self._latest = 0  # the template that fitted last: tried first
        self._fitted = False  # whether the last frame did
        self._runs: dict[int, _Run] = {}
        self._seen: dict[tuple[bytes, ...], tuple[list[bytes], set[int]]] = {}
        self._unread: dict[int, bytes] = {}  # by their quotation marks

    def adopt(self, templates: Mapping[int, Template]) -> None:
        """Take over what a stream has, so that no number is defined twice."""
        if len(templates) > len(self.templates):
            self.templates = [templates[number] for number in range(len(templates))]

    def encode(self, kind: int, body: bytes, out: bytearray) -> None:
        """Append the frame's encoding to ``out``."""
        self._fitted = False
        if kind == Kind.DIALECT:
            number, holes = self._find(body)
            if holes is not None:
                self._fitted = True
                _put(out, number, holes)
                return
        _keep(out, kind, body)

    def alike(self, keys: tuple[bytes, ...]) -> bool:
        """Whether all that varies in frames like the last one are JSON strings under these keys."""
        if not self._fitted:
            return False
        template = self.templates[self._latest]
        return len(template) > 1 and all(
            before.replace(b'": "', b'":"').endswith(keys) and after.startswith(b'"')
            for before, after in pairwise(template)
        )

    def again(self, events: bytes, out: bytearray) -> int:
        """Append frames that are like the last one, if all of them are so without doubt.

        ``events`` are their bodies, an empty line behind each. In each of the strings that vary
        must stand what may stand in a string: then a frame is as good JSON as the last one was,
        and says the same but for those strings. How many they are; 0 if nothing was appended.
        """
        template, number = self.templates[self._latest], self._latest
        if len(template) == 2:
            run = self._runs.get(number)
            if run is None:
                run = self._runs[number] = _Run(template, number)
            return run.put(events, out)
        before, bodies = len(out), events[:-2].split(b"\n\n")
        for body in bodies:
            holes = fit(template, body)
            if holes is None or not all(map(_is_inside, holes)):
                del out[before:]
                return 0
            _put(out, number, holes)
        return len(bodies)

    def take_fresh(self) -> list[tuple[int, bytes]]:
        """The definitions first used since the last call: they go with this append."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def _find(self, body: bytes) -> tuple[int, list[bytes] | None]:
        templates = self.templates
        if templates:
            holes = fit(templates[self._latest], body)
            if holes is not None:
                return self._latest, holes
            for number in range(len(templates) - 1, -1, -1):
                holes = fit(templates[number], body)
                if holes is not None:
                    self._latest = number
                    return number, holes
        if len(templates) >= MAX_TEMPLATES or len(body) > _LEARN_BELOW:
            return 0, None
        template = self._learn_in_time(body)
        holes = fit(template, body) if template else None
        if template is None or holes is None:
            return 0, None
        self._latest = len(templates)
        templates.append(template)
        self._fresh.append((self._latest, define(template)))
        return self._latest, holes

    def _learn_in_time(self, body: bytes) -> Template | None:
        """As ``_learn``; but a frame that none before it can be like is looked into only when
        another comes: a stream's first words don't wait for it."""
        quotes, unread = body.count(b'"'), self._unread
        if not self._seen and quotes not in unread and len(unread) < _UNREAD:
            unread[quotes] = body
            return None
        self._unread = {}
        for each in unread.values():
            self._learn(each)
        return self._learn(body)

    def _learn(self, body: bytes) -> Template | None:
        """A template for this body if a frame of the same shape was seen before."""
        parts = _SCALAR.split(body)
        scalars = parts[1::2]
        shape = tuple(parts[::2])
        known = self._seen.get(shape)
        if known is None:
            if len(self._seen) >= _SHAPES:
                self._seen.pop(next(iter(self._seen)))
            self._seen[shape] = (scalars, set())
            return None
        before, varying = known
        varying.update(i for i, scalar in enumerate(scalars) if scalar != before[i])
        self._seen[shape] = (scalars, varying)
        segments: list[bytes] = []
        segment = parts[0]
        for i, scalar in enumerate(scalars):
            if i not in varying:
                segment += scalar
            elif scalar[:1] == b'"' and before[i][:1] == b'"':
                segments.append(segment + b'"')
                segment = b'"'
            else:
                segments.append(segment)
                segment = b""
            segment += parts[2 * i + 2]
        return (*segments, segment)

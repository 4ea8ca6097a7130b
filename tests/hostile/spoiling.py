"""A stream spoiled: one or several of these happen to it.

``HARMLESS`` ways leave an answer whole by the rules of its dialect and of SSE: a job that is
answered so must complete, and say the same. What the others make of one may be anything.
"""

import json
import random
from collections.abc import Callable

from tests.hostile import odd
from tests.recorded.corpus import CORPUS
from tests.recorded.reading import Event, events_of
from tests.recorded.stream import Recorded

Events = list[Event]
Way = Callable[[random.Random, Events], Events]

WHOLE = {
    dialect: [each for each in streams if each.ends == "completed" and each.choices == 1]
    for dialect, streams in CORPUS.items()
}
GIANT = 17 * 1024 * 1024  # bytes: over what one event may be


def _one(change: Callable[[random.Random, Event], Event]) -> Way:
    def way(drawn: random.Random, events: Events) -> Events:
        place = drawn.randrange(len(events))
        return [*events[:place], change(drawn, events[place]), *events[place + 1 :]]

    return way


def _any(change: Callable[[random.Random, Event], Event]) -> Way:
    """To every event that it applies to, half the time."""
    return lambda drawn, events: [change(drawn, e) if drawn.random() < 0.5 else e for e in events]


def drop(drawn: random.Random, events: Events) -> Events:
    place = drawn.randrange(len(events))
    return events[:place] + events[place + 1 :]


def begin_late(drawn: random.Random, events: Events) -> Events:
    return events[drawn.randint(1, 3) :]


def stop_early(drawn: random.Random, events: Events) -> Events:
    return events[: drawn.randrange(len(events))]


def double(drawn: random.Random, events: Events) -> Events:
    place = drawn.randrange(len(events))
    return events[: place + 1] + [events[place]] * drawn.choice((1, 1, 2, 50)) + events[place + 1 :]


def swap(drawn: random.Random, events: Events) -> Events:
    first, second = drawn.randrange(len(events)), drawn.randrange(len(events))
    found = list(events)
    found[first], found[second] = found[second], found[first]
    return found


def shuffle(drawn: random.Random, events: Events) -> Events:
    return drawn.sample(events, len(events))


def splice(drawn: random.Random, events: Events) -> Events:
    """The rest of another stream, of whatever dialect."""
    other = events_of(drawn.choice(WHOLE[drawn.choice(list(WHOLE))]).body)
    return events[: drawn.randrange(len(events))] + other[drawn.randrange(len(other)) :]


def flip(drawn: random.Random, event: Event) -> Event:
    data = bytearray(event.data or b"x")
    for _ in range(drawn.randint(1, 4)):
        data[drawn.randrange(len(data))] = drawn.randrange(256)
    return event._replace(data=bytes(data).replace(b"\n", b" ").replace(b"\r", b" ") or b"x")


def cut(drawn: random.Random, event: Event) -> Event:
    return event._replace(data=event.data[: drawn.randint(0, len(event.data))])


def renamed(drawn: random.Random, event: Event) -> Event:
    return event._replace(name=drawn.choice(odd.NAMES))


def retyped(drawn: random.Random, event: Event) -> Event:
    texts = [json.dumps(each) for each in odd.TYPES] + ["7", "[]", "{}"]
    found = odd.at_keys(drawn, event, ("type",), texts)
    return found._replace(name=drawn.choice((found.name, "")))


def unnamed(drawn: random.Random, event: Event) -> Event:
    return event._replace(name="")


def misplaced(drawn: random.Random, event: Event) -> Event:
    return odd.at_keys(drawn, event, odd.INDEXES, odd.VALUES)


def misnamed(drawn: random.Random, event: Event) -> Event:
    keys = ("id", "item_id", "call_id", "tool_use_id", "responseId", "model", "name")
    return odd.at_keys(drawn, event, keys, odd.VALUES)


def miscounted(drawn: random.Random, event: Event) -> Event:
    return odd.at_keys(drawn, event, ("usage", "usageMetadata", *_COUNTS), odd.VALUES)


def misspoken(drawn: random.Random, event: Event) -> Event:
    return odd.at_keys(drawn, event, _SAID, odd.VALUES)


def errored(drawn: random.Random, event: Event) -> Event:
    error = drawn.choice(odd.VALUES)
    return event._replace(data=b'{"type":"error","error":%b}' % error.encode())


def done(drawn: random.Random, events: Events) -> Events:
    place = drawn.randrange(len(events) + 1)
    return [*events[:place], Event(None, "", b"[DONE]"), *events[place:]]


def giant(drawn: random.Random, events: Events) -> Events:
    place = drawn.randrange(len(events) + 1)
    event = Event(None, "", b'{"choices":[],"x":"%b"}' % (b"x" * GIANT))
    return [*events[:place], event, *events[place:]]


_ENDS = ("message_stop", "response.completed", "response.incomplete")
_COUNTS = (
    *("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens"),
    *("cache_read_input_tokens", "promptTokenCount", "candidatesTokenCount", "cached_tokens"),
)
_SAID = (
    *("content", "delta", "text", "arguments", "partial_json", "thinking", "signature", "function"),
    *("tool_calls", "choices", "finish_reason", "stop_reason", "content_block", "message", "item"),
    *("part", "response", "output", "status", "candidates", "parts", "functionCall", "args"),
    *("finishReason", "thoughtSignature", "input", "annotation", "summary", "role", "citation"),
)
WAYS: dict[str, Way] = {
    "drop": drop, "begin late": begin_late, "stop early": stop_early, "double": double,
    "swap": swap, "shuffle": shuffle, "splice": splice, "done": done,
    "flip": _one(flip), "cut": _one(cut), "renamed": _any(renamed), "retyped": _any(retyped),
    "unnamed": _any(unnamed), "misplaced": _any(misplaced), "misnamed": _any(misnamed),
    "miscounted": _any(miscounted), "misspoken": _one(misspoken), "errored": _one(errored),
    "confused": _one(odd.confused), "much confused": _any(odd.confused),
    "without": _one(odd.without), "much without": _any(odd.without),
}  # fmt: skip


class Spoiled:
    """One case: a recorded stream, what was done to it, and the bytes that came of it.

    ``harmless``: the answer is whole all the same.
    """

    def __init__(self, dialect: str, seed: object, *, giants: bool = False) -> None:
        drawn = random.Random(f"{dialect} {seed}")
        self.dialect = dialect
        self.stream: Recorded = drawn.choice(WHOLE[dialect])
        self.harmless = drawn.random() < 0.12
        self.ways: list[str] = []
        events = events_of(self.stream.body)
        if not self.harmless:
            for _ in range(drawn.choice((1, 1, 1, 2, 3))):
                name = drawn.choice(list(WAYS))
                self.ways.append(name)
                events = WAYS[name](drawn, events) or events[:1]
            if giants and drawn.random() < 0.01:
                self.ways.append("giant")
                events = giant(drawn, events)
        self.events = events
        self.body = _written(drawn, self)

    @property
    def ended(self) -> bool:
        """Whether an event ends the answer, so that what follows is no part of it."""
        last = self.events[-1]
        return last.data == b"[DONE]" or last.name in _ENDS

    def __repr__(self) -> str:
        ways = ", ".join(self.ways) or "harmless"
        return f"{self.dialect}: {self.stream.name}: {ways}"


def _written(drawn: random.Random, case: Spoiled) -> bytes:
    """The events on the wire: with line ends, comments, fields of no meaning as it falls."""
    eol = drawn.choice((b"\n", b"\n", b"\r\n", b"\r"))
    lines: list[bytes] = [b"\xef\xbb\xbf"] if drawn.random() < 0.1 else []
    for event in case.events:
        if drawn.random() < 0.1:
            lines.append(drawn.choice((b": odd", b": x" + eol, b"retry: 1", b"x" + eol)) + eol)
        if event.name:
            lines.append(b"event: " + event.name.encode("utf-8", "replace") + eol)
        lines += (b"data: " + line + eol for line in event.data.split(b"\n"))
        lines.append(eol)
    if case.harmless and case.ended and drawn.random() < 0.5:
        lines.append(b"data: {behind the end" + eol + eol)
    body = b"".join(lines)
    if not case.harmless and drawn.random() < 0.1:
        case.ways.append("cut body")
        body = body[: drawn.randrange(len(body) + 1)]
    return body

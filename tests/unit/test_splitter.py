"""The splitter gives the events of a naive reader, wherever the bytes were cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.providers.splitter import EventTooLarge, SseEvent, SseSplitter


def naive(body: bytes) -> tuple[list[SseEvent], bool]:
    """The grammar, line by line, over the whole body: events, and whether bytes are left."""
    text = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *lines, rest = text.split(b"\n")
    events: list[SseEvent] = []
    name, data, held = b"", b"", False
    for line in lines:
        held = bool(line)
        if not line:
            data = data[:-1]
            if data:
                events.append(SseEvent(name, data))
            name, data = b"", b""
        elif not line.startswith(b":"):
            field, _, value = line.partition(b":")
            if value.startswith(b" "):
                value = value[1:]
            if field == b"data":
                data += value + b"\n"
            elif field == b"event":
                name = value
    return events, held or bool(rest)


def split(parts: list[bytes]) -> tuple[list[SseEvent], bool]:
    splitter = SseSplitter()
    return [event for part in parts for event in splitter.feed(part)], splitter.pending


FIELDS = st.sampled_from(
    [b"data: ", b"data:", b"data", b"event: ", b"id: 7", b"retry: 9", b": ping", b"other: x", b" "]
)
TEXT = st.sampled_from([b"", b"{}", b"[DONE]", b" x", b"a:b", "é".encode(), b"\xff", b"\x0b\x85"])
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\n\n\n"])
LINES = st.lists(st.tuples(FIELDS, TEXT, ENDS).map(b"".join), max_size=12)
BODIES = st.tuples(st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb", b"\n"]), LINES.map(b"".join))


@given(BODIES.map(b"".join) | st.binary(max_size=60), st.data())
def test_any_split_gives_the_naive_readers_events(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=8).map(sorted))
    edges = [0, *cuts, len(body)]
    parts = [body[a:b] for a, b in pairwise(edges)]
    assert split(parts) == naive(body)


@given(BODIES.map(b"".join))
def test_byte_by_byte(body: bytes) -> None:
    assert split([body[at : at + 1] for at in range(len(body))]) == naive(body)


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [(b"", b"a"), (b"", b"b")]),
        (b"data:a\r\n\r\n", [(b"", b"a")]),
        (b"data: a\ndata: b\n\n", [(b"", b"a\nb")]),
        (b"event: error\ndata: {}\n\n", [(b"error", b"{}")]),
        (b"data:  two spaces\n\n", [(b"", b" two spaces")]),
        (b": ping\n\ndata: \n\ndata\n\nevent: x\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")]),
        (b": ping\nid: 3\nretry: 9\ndata: a\n\n\n\n\ndata: b\n\n", [(b"", b"a"), (b"", b"b")]),
    ],
)
def test_grammar(body: bytes, events: list[tuple[bytes, bytes]]) -> None:
    assert split([body]) == (events, False)


def test_a_lone_cr_ends_the_event_at_once() -> None:
    splitter = SseSplitter()
    assert splitter.feed(b"data: a\r\n\r") == [(b"", b"a")]
    assert splitter.feed(b"\n") == []
    assert not splitter.pending


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("ended", [b"", b"\n\n"])
def test_an_event_over_the_limit_is_refused(size: int, ended: bytes) -> None:
    splitter = SseSplitter(limit=100)
    assert len(splitter.feed(b"data: x\n\n" * 50)) == 50
    body = b"data: " + b"x" * 95 + ended
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    with pytest.raises(EventTooLarge):
        list(map(splitter.feed, parts))


def test_an_event_of_just_the_limit_passes() -> None:
    assert SseSplitter(limit=100).feed(b"data: " + b"x" * 94 + b"\n\n") == [(b"", b"x" * 94)]

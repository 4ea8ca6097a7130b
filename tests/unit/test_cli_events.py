"""The client's event reader: any split of the bytes gives the same events."""

from hypothesis import given
from hypothesis import strategies as st

from broker.cli.events import Event, EventReader

STREAM = (
    b": ping\n"
    b'id: 1\ndata: {"a": 1}\n\n'
    b"id: 2\r\nevent: attempt\r\ndata: one\r\ndata: two\r\n\r\n"
    b": ping\n"
    b"id: 4\ndata: \xc3\xa9\n\n"
    b"id: 4\nevent: retry\nretry: 250\ndata\n\n"
    b"\n"
    b"id: 9\nevent: end\ndata: {}\n\n"
    b"id: 10\ndata: cut"
)
EVENTS = [
    Event('{"a": 1}', id=1),
    Event("one\ntwo", "attempt", 2),
    Event("é", id=4),
    Event("", "retry", 4, 0.25),
    Event("{}", "end", 9),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_gives_the_same_events(places: list[int]) -> None:
    reader, events, start = EventReader(), [], 0
    for place in [*sorted(places), len(STREAM)]:
        events += list(reader.feed(STREAM[start:place]))
        start = place
    assert events == EVENTS


def test_an_event_cut_off_is_dropped() -> None:
    reader = EventReader()
    assert list(reader.feed(b"id: 1\ndata: x\n")) == []


def test_raw_is_what_was_read() -> None:
    reader = EventReader()
    text = "id: 2\nevent: attempt\ndata: one\ndata: two\n\n"
    assert [event.raw for event in reader.feed(text.encode())] == [text]


@given(st.text(max_size=50), st.integers(0, 10**15))
def test_raw_reads_back(data: str, number: int) -> None:
    event = Event(data.replace("\r", ""), "x", number)
    assert list(EventReader().feed(event.raw.encode())) == [event]

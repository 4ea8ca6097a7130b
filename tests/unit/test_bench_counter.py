"""Events and tokens counted over any split of the body."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bench.counter import EventCounter, Marker


def chunk(content: str) -> bytes:
    return b'id: 7\ndata: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % content.encode()


BODY = b"".join(
    (
        chunk(""),
        chunk(" one"),
        b": ping\n",
        chunk(r" \"content\":\"two\""),
        chunk(""),
        chunk(" three"),
        b"id: 9\ndata: [DONE]\n\n",
    )
)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(st.integers(0, 10_000)))
def test_any_split_counts_the_same(cuts: list[int]) -> None:
    counter = EventCounter()
    tokens = sum(counter.feed(piece) for piece in pieces(BODY, cuts))
    assert (counter.events, counter.tokens, tokens) == (6, 3, 3)


def test_byte_by_byte() -> None:
    counter = EventCounter()
    for place in range(len(BODY)):
        counter.feed(BODY[place : place + 1])
    assert (counter.events, counter.tokens) == (6, 3)


@given(st.text("ab", max_size=40), st.lists(st.integers(0, 100)))
def test_a_marker_counts_what_count_counts(text: str, cuts: list[int]) -> None:
    data = text.encode()
    marker = Marker(b"aab")
    assert sum(marker.feed(piece) for piece in pieces(data, cuts)) == data.count(b"aab")

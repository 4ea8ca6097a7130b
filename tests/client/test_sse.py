"""The splitter: nothing lost, nothing early, whatever the chunks."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streamhold_client.sse import Block, Splitter

LINES = st.sampled_from(
    [b": ping\n", b":\n", b"id: 4\n", b"data: a\n", b"data:b\r\n", b"event: x\n", b"\n", b"\r\n"]
)


def split(chunks: list[bytes]) -> tuple[list[Block], bytes]:
    splitter = Splitter()
    blocks = [block for chunk in chunks for block in splitter.feed(chunk)]
    return blocks, splitter.drain()


@given(st.lists(LINES), st.data())
def test_any_chunks_are_the_same_blocks(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(lines)
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    edges = [0, *places, len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    blocks, rest = split(pieces)
    assert (blocks, rest) == split([stream])
    assert b"".join(block.raw for block in blocks) + rest == stream
    assert all(b.raw.endswith((b"\n\n", b"\n\r\n")) for b in blocks if b.fields)
    assert b"\n\n" not in rest


def test_fields() -> None:
    event = b"id: 7\nevent: end\nretry: 1500\nother\ndata: a\ndata:b\n\n"
    assert split([event])[0] == [Block(event, True, "7", "end", b"a\nb", 1.5)]
    assert split([b": ping\nid: 7\n\n"])[0][0] == Block(b": ping\n")
    assert split([b"id: 7\n: ping\n\n"])[0][0].raw == b"id: 7\n: ping\n\n"

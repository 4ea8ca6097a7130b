"""A stream over any number of connections is the uncut stream, byte for byte."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhold_client import async_reading, reading
from streamhold_client.reading import Reading, Whole
from streamhold_client.surface import Surface
from tests.client.server import Cut, FakeAnswer, FakeServer, Lost, Plan, Silent, Unsent, refusing

CHAT = (
    b'id: 2\ndata: {"a":"\xc3\xa9"}\n\n: ping\nid: 3\ndata: {}\n\n'
    b": ping\n: ping\nid: 7\nretry: 200\ndata: x\n\nid: 12\ndata: [DONE]\n\n"
)
RESPONSES = (
    b'id: 1\nevent: response.created\ndata: {"n":0}\n\n'
    b'id: 2\nevent: response.completed\ndata: {"n":1}\n\n'
)
MESSAGES = (
    b'id: 1\nevent: message_start\ndata: {"n":0}\n\nid: 2\nevent: ping\ndata: {}\n\n'
    b"id: 3\nevent: message_stop\ndata: {}\n\n"
)
STREAMS = [(Surface.CHAT, CHAT), (Surface.RESPONSES, RESPONSES), (Surface.MESSAGES, MESSAGES)]


def without_comments(stream: bytes) -> bytes:
    return b"".join(line for line in stream.splitlines(True) if not line.startswith(b":"))


def read(server: FakeServer, surface: Surface = Surface.CHAT, patience: float = 60.0) -> bytes:
    """All that the application sees; comments aside."""
    got = reading.carry(server.call(surface, patience), server.send, server.sleep)
    assert isinstance(got, Reading)
    return without_comments(b"".join(block.raw for blocks in got for block in blocks))


async def aread(server: FakeServer, surface: Surface = Surface.CHAT) -> bytes:
    call = server.call(surface)
    got = await async_reading.carry(call, server.asend, server.asleep)
    assert isinstance(got, async_reading.AsyncReading)
    return without_comments(b"".join([block.raw async for blocks in got for block in blocks]))


@pytest.mark.parametrize(("surface", "stream"), STREAMS, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("end", [None, Lost()], ids=["eof", "lost"])
async def test_a_cut_at_every_byte(surface: Surface, stream: bytes, end: Exception | None) -> None:
    for cut in range(len(stream)):
        for once in (read, aread):
            server = FakeServer(stream, [Plan(cut=cut, end=end)])
            seen = once(server, surface)
            seen = await seen if asyncio.iscoroutine(seen) else seen
            assert seen == without_comments(stream), cut
            assert len(server.asked) == 2
            assert all(answer.closed for answer in server.answers)


def framed(*frames: tuple[int, list[bytes]]) -> dict[int, bytes]:
    """Frames of several events: all but the last of a frame bear the number before it."""
    return {
        number: b"".join(
            b"id: %d\nevent: %b\ndata: {}\n\n" % (number - (place < len(names)), name)
            for place, name in enumerate(names, 1)
        )
        for number, names in frames
    }


FRAMES = framed(
    (1, [b"a"]),
    (3, [b"message_start", b"content_block_start", b"b", b"b", b"b2", b"message_delta"]),
    (4, [b"c", b"c"]),
    (5, [b"message_stop"]),
)


@pytest.mark.parametrize("lost", [0, 1], ids=["nothing before", "a frame before"])
@pytest.mark.parametrize("deaf", [False, True])
async def test_a_frame_of_several_events_cut_at_every_byte(lost: int, deaf: bool) -> None:
    """An answer that came whole is told so; the server gives all of a frame again."""
    frames = {number: frame for number, frame in FRAMES.items() if number > lost}
    stream = b"".join(frames.values())
    for cut in range(len(stream)):
        for once in (read, aread):
            again = Plan(cut=max(0, cut - 40), end=Lost(), deaf=deaf)
            server = FakeServer(frames, [Plan(cut=cut, end=Lost()), again])
            seen = once(server, Surface.MESSAGES)
            assert (await seen if asyncio.iscoroutine(seen) else seen) == stream, cut


def test_another_stream_in_its_place_is_an_error() -> None:
    other = framed((3, [b"message_start", b"another", b"message_stop"]))[3]
    server = FakeServer(FRAMES, [Plan(cut=150, end=Lost()), Plan(body=other)])
    with pytest.raises(Cut):
        read(server, Surface.MESSAGES)


PLANS = st.lists(
    st.one_of(
        st.builds(
            Plan,
            cut=st.integers(0, len(CHAT) - 1),
            end=st.sampled_from([None, Lost()]),
            chunk=st.integers(1, 40),
            deaf=st.booleans(),
        ),
        st.just(Plan(raises=Unsent())),
        st.just(Plan(raises=Silent())),
        st.just(refusing(503)),
    ),
    max_size=8,
)


@given(plans=PLANS, chunk=st.integers(1, 40))
def test_any_losses_in_any_chunks(plans: list[Plan], chunk: int) -> None:
    first = Plan(cut=len(CHAT) - 1, end=Lost(), chunk=chunk)
    plain = without_comments(CHAT)
    server = FakeServer(CHAT, [first, *plans])
    assert read(server, patience=1e9) == plain
    server = FakeServer(CHAT, [first, *plans])
    server.plans += [Plan(cut=5)]
    assert asyncio.run(aread(server)) == plain


def test_it_goes_on_after_the_last_whole_event() -> None:
    third = CHAT.index(b"id: 7")
    server = FakeServer(CHAT, [Plan(cut=third + 9), Plan(cut=0), Plan(cut=3)])
    assert read(server) == without_comments(CHAT)
    assert server.asked == [0, 3, 3, 3]


def test_no_ids_no_interference() -> None:
    foreign = b"data: 1\n\ndata: 2\n\ndata: 3"
    server = FakeServer(foreign, [Plan(body=foreign)])
    assert read(server) == foreign
    server = FakeServer(foreign, [Plan(body=foreign, cut=14, end=Lost())])
    with pytest.raises(Lost):
        read(server)
    assert server.asked == [0]


@pytest.mark.parametrize("patience", [0.0, 3.0, 20.0])
def test_patience_runs_out_with_the_first_error(patience: float) -> None:
    cut = Lost("the first")
    server = FakeServer(CHAT, [Plan(cut=30, end=cut), *[Plan(raises=Unsent("later"))] * 100])
    with pytest.raises(Lost) as raised:
        read(server, patience=patience)
    assert raised.value is cut
    assert server.now == pytest.approx(patience)


def test_a_server_that_answers_and_cuts_is_given_up_too() -> None:
    server = FakeServer(CHAT, [Plan(cut=30, end=Lost())] * 1000)
    with pytest.raises(Lost):
        read(server, patience=10)


def test_what_the_server_wishes() -> None:
    busy = refusing(503, retry_after="4")
    asked = CHAT.index(b"id: 12")
    server = FakeServer(CHAT, [Plan(cut=asked), busy, Plan(raises=Unsent())])
    read(server)
    assert server.pauses[:2] == [0.2, 4.0]
    assert server.pauses[2] < 1


def test_a_refusal_is_told_in_the_stream() -> None:
    gone = b'{"error": {"message": "deleted",\n "code": "job_gone"}}'
    server = FakeServer(CHAT, [Plan(cut=30), refusing(410, gone)])
    assert read(server).endswith(
        b'event: error\ndata: {"error":{"message":"deleted","code":"job_gone"}}\n\n'
    )
    server = FakeServer(CHAT, [Plan(cut=30), refusing(404, b"<html>")])
    with pytest.raises(Exception, match="HTTP 404"):
        read(server)
    assert all(answer.closed for answer in server.answers)


def test_the_failure_of_the_job_itself_is_final() -> None:
    failed = refusing(502, b'{"error": {"message": "no"}}', x_should_retry="false")
    server = FakeServer(CHAT, [Plan(cut=3), failed])
    assert b"no" in read(server)
    assert server.asked == [0, 0]


def test_nothing_left_is_the_end() -> None:
    server = FakeServer(CHAT, [Plan(cut=30), Plan(status=204, body=b"")])
    assert read(server) == without_comments(CHAT[:30].rpartition(b"\n\n")[0] + b"\n\n")


def test_closing_closes_the_connection_of_now() -> None:
    server = FakeServer(CHAT, [Plan(cut=40), Plan()])
    got = reading.carry(server.call(), server.send, server.sleep)
    assert isinstance(got, Reading)
    while len(server.answers) < 2:
        next(got)
    got.close()
    assert [answer.closed for answer in server.answers] == [True, True]
    assert next(got, None) is None
    assert len(server.asked) == 2


def whole(server: FakeServer) -> FakeAnswer | Whole[FakeAnswer] | Reading[FakeAnswer]:
    return reading.carry(server.call(), server.send, server.sleep)


def test_a_whole_answer_is_asked_for_again() -> None:
    plans = [Plan(raises=Lost()), Plan(cut=4, end=Lost()), refusing(502), Plan(raises=Unsent())]
    server = FakeServer(b"", [*plans, Plan(body=b'{"whole": 1}')], "application/json")
    got = whole(server)
    assert isinstance(got, Whole)
    assert got.body == b'{"whole": 1}'
    assert server.asked == [0] * 5


def test_a_first_refusal_and_a_wrong_address_are_the_callers() -> None:
    server = FakeServer(b"", [refusing(503)])
    assert isinstance(whole(server), FakeAnswer)
    server = FakeServer(b"", [Plan(raises=Unsent())])
    with pytest.raises(Unsent):
        whole(server)


def test_a_stranger_is_left_alone() -> None:
    server = FakeServer(CHAT, [Plan(headers={"x-request-id": "req_1"})])
    assert whole(server) is server.answers[0]
    server = FakeServer(CHAT, [Plan(raises=Lost())])
    call = server.call()
    call.met = False
    with pytest.raises(Lost):
        reading.carry(call, server.send, server.sleep)
    assert len(server.asked) == 1


def test_a_compressed_stream_is_left_alone() -> None:
    server = FakeServer(CHAT, [Plan(headers={"content-encoding": "gzip"})])
    assert whole(server) is server.answers[0]

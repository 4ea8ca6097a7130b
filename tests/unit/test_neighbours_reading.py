"""What an innocent reader of a hostile run takes for whole, and what it does not."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from rig.sse_reader import Event
from tests.neighbours.calls import OTHERS, STREAMS, draw
from tests.neighbours.history import History, Line, Stall, Watched
from tests.neighbours.lag import Stalls, watch
from tests.neighbours.reading import Broken, Reading
from tests.neighbours.surfaces import end_of, text_of, text_of_whole, uncut

_CHUNK = b'id: %d\ndata: {"choices":[{"delta":{"content":"%b"}}]}\n\n'
_DONE = b"id: 9\ndata: [DONE]\n\n"


class Session:
    """Answers each connection with the next of these bodies."""

    def __init__(self, *bodies: bytes, status: int = 200) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._bodies = iter(bodies)
        self._status = status

    def get(self, url: str, headers: dict[str, str]) -> "Answer":
        self.asked.append((url, headers))
        return Answer(next(self._bodies), self._status)


class Answer:
    def __init__(self, body: bytes, status: int) -> None:
        self.status = status
        self.headers = {"location": "/again"}
        self.content = SimpleNamespace(iter_any=self._pieces)
        self._body = body

    async def _pieces(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._body), 7):
            yield self._body[at : at + 7]
        if not self._body.endswith(b"\n\n"):
            raise ConnectionResetError

    async def text(self) -> str:
        return self._body.decode()

    async def __aenter__(self) -> "Answer":
        return self

    async def __aexit__(self, *_: Any) -> None:
        pass


def reading(session: Any, view: str = "chat", leaves: tuple[int, ...] = ()) -> Reading:
    made = Reading(session, ["a", "b"], 0, view, leaves)
    made.location = "/x"
    return made


def chunks(*numbers: int) -> bytes:
    return b"".join(_CHUNK % (number, b"w%d" % number) for number in numbers)


async def test_a_cut_stream_is_gone_on_with_at_another_process() -> None:
    session = Session(chunks(1, 2) + b"id: 3", b": ping\n\n" + chunks(3, 5) + _DONE)
    read = reading(session)
    await read.go_on()
    assert session.asked == [("b/x", {}), ("a/again", {"Last-Event-ID": "2"})]
    assert text_of(read.events) == "w1w2w3w5"
    assert (read.connections, read.lost) == (2, 1)


async def test_a_reader_that_leaves_comes_again_and_has_lost_nothing() -> None:
    session = Session(chunks(1, 2, 3, 4) + _DONE, chunks(3, 4) + _DONE)
    read = reading(session, leaves=(2,))
    await read.go_on()
    assert read.lost == 0
    assert text_of(read.events) == "w1w2w3w4"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (chunks(1, 2, 2) + _DONE, "2 came after 2"),
        (chunks(1, 3, 2) + _DONE, "2 came after 3"),
        (chunks(1, 2), "a clean end"),
        (chunks(1) + b"data: {}\n\n", "without an id"),
        (chunks(1) + _DONE + b"id: 10\ndata: {}\n\n", "10 came after 9"),
        (chunks(1) + b'id: 2\nevent: error\ndata: {"error":{}}\n\n', "ended: "),
    ],
)
async def test_what_is_broken_is_reported(body: bytes, why: str) -> None:
    with pytest.raises(Broken, match=why):
        await reading(Session(body)).go_on()


async def test_a_refusal_is_reported() -> None:
    with pytest.raises(Broken, match="answered with 503: full"):
        await reading(Session(b"full", status=503)).go_on()


async def test_a_replay_of_other_bytes_is_reported() -> None:
    read = reading(Session(chunks(1, 2) + _DONE, chunks(1, 2) + _DONE, chunks(1) + _DONE))
    await read.go_on()
    await read.check_replay()
    with pytest.raises(Broken, match="3 events, replayed 2"):
        await read.check_replay()


async def test_a_silence_is_noted_from_event_to_event() -> None:
    read = reading(Session(chunks(1) + _DONE))
    before = time.monotonic()
    read._last_at = before - 2.0
    await read.go_on()
    ((begun, ended),) = read.gaps
    assert begun == before - 2.0
    assert before <= ended <= time.monotonic()


def test_every_view_has_its_own_end() -> None:
    def event(name: bytes, data: bytes = b"{}") -> Event:
        return Event(1, b"event: %b\ndata: %b\n\n" % (name, data))

    assert end_of("chat", Event(1, b"data: [DONE]\n\n")) == "completed"
    assert end_of("messages", event(b"message_stop")) == "completed"
    assert end_of("native", event(b"message_stop")) is None
    assert end_of("responses", event(b"response.completed")) == "completed"
    assert end_of("native", event(b"response.completed")) is None
    assert end_of("native", event(b"end", b'{"state":"completed"}')) == "completed"
    assert end_of("native", event(b"end", b'{"state":"failed"}')) == '{"state":"failed"}'
    assert end_of("responses", event(b"response.incomplete")) == "{}"


def test_texts_of_all_dialects_are_found() -> None:
    assert text_of_whole("chat", b'{"choices":[{"message":{"content":"a b"}}]}') == "a b"
    assert text_of_whole("messages", b'{"content":[{"text":"a"},{"text":" b"}]}') == "a b"
    answer = b'{"output":[{"content":[{"text":"a b"}]},{"type":"reasoning"}]}'
    assert text_of_whole("responses", answer) == "a b"
    events = [
        Event(1, b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'),
        Event(2, b'event: content_block_delta\ndata: {"type":"content_block_delta",'
                 b'"delta":{"text":"b"}}\n\n'),
        Event(3, b'event: response.output_text.delta\ndata: '
                 b'{"type":"response.output_text.delta","delta":"c"}\n\n'),
        Event(4, b'event: attempt\ndata: {"number":1}\n\n'),
    ]  # fmt: skip
    assert text_of(events) == "abc"
    assert len(uncut("tokens=7,interval=50ms,prefill", "x").split()) == 7


def test_calls_follow_from_the_seed_and_meet_every_way() -> None:
    drawn = [draw(1, place, 0, STREAMS + OTHERS, 8.0) for place in range(200)]
    assert drawn == [draw(1, place, 0, STREAMS + OTHERS, 8.0) for place in range(200)]
    assert {each.way for each in drawn} == {*STREAMS, *OTHERS}
    assert all(each.pace.seconds <= 8.0 for each in drawn)
    assert {each.dialect for each in drawn} == {"chat", "messages", "responses"}
    assert len({each.job for each in drawn}) == 200


def test_stalls_that_overlap_count_once() -> None:
    span = (10.0, 12.0)
    assert Stalls([]).without(span) == 2.0
    assert Stalls([(9.0, 10.5), (10.25, 10.75), (11.5, 13.0)]).without(span) == 0.75
    assert Stalls([(11.0, 11.5), (10.0, 11.75)]).without(span) == 0.25
    assert Stalls([(13.0, 14.0), (8.0, 9.0)]).without(span) == 2.0
    assert Stalls([(8.0, 14.0), (9.0, 10.0)]).without(span) == 0.0
    assert Stalls([(8.0, 9.0), (8.5, 10.0), (11.0, 11.5)]).seconds == 2.5


class Noting(History):
    """Signals the first line."""

    def __init__(self) -> None:
        super().__init__()
        self.stalled = asyncio.Event()

    def add(self, line: Line) -> None:
        super().add(line)
        self.stalled.set()


async def test_a_loop_that_does_not_run_is_a_stall() -> None:
    history = Noting()
    watching = asyncio.ensure_future(watch("x", history))
    await asyncio.sleep(0)
    time.sleep(0.2)  # noqa: ASYNC251 - the loop is to stand still
    await history.stalled.wait()
    watching.cancel()
    found = history.of(Stall)[0]
    assert found.ended - found.begun >= 0.17
    assert not history.of(Watched)

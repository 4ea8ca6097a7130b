"""The streaming answer: when its head and its first text go out, and who is told of it."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from broker.api.core import Core
from broker.api.line import PIECE, Left
from broker.api.rounds import Rounds
from broker.api.stream import StreamResponse
from broker.decoding import SLICE
from broker.dialects.native import NativeView
from broker.model import Failure
from tests.unit.tail_stream import Stream
from tests.unit.test_flow import FakeCore, event, turns

HEAD = b"HEAD "


class Connection:
    """An outlet that takes all, unless it is ``full``. It notes what it sent, and was told."""

    def __init__(self) -> None:
        self.wire: list[bytes] = []
        self.told: list[Message] = []
        self.full = self.open = False
        self.transport = None
        self.left: Left | None = None

    def watch(self, left: Left) -> bool:
        self.left = left
        return True

    def unwatch(self) -> None: ...

    def head(self, start: Message) -> bytes:
        return HEAD

    def begin(self, head: bytes, data: bytes) -> bool:
        if not self.full:
            self.wire.append(head + data)
        return not self.full

    async def begun(self, send: Send, start: Message) -> None:
        self.told.append(start)
        self.open = True

    def write(self, data: bytes) -> bool:
        self.wire.append(data)
        return True

    def take(self, left: Left) -> None:
        return None


class Scene:
    """An answer that waits for the first text of a stream."""

    def __init__(self) -> None:
        self.stream, self.connection = Stream(), Connection()
        self.core: Any = FakeCore()
        self.core.settings = SimpleNamespace(server=SimpleNamespace(header_hold=1000.0))
        self.core.begun, self.core.open = Rounds(1000.0), Rounds(1000.0)
        self.sent: list[Message] = []
        self.scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "outlet": self.connection,
            "request_id": "r",
            "stamps": [],
        }
        reader = self.stream.reader()
        reader.begin()
        self.answer = StreamResponse(
            cast(Core, self.core), reader, NativeView("r"), {}, refuse=self.refuse
        )
        self.task = asyncio.ensure_future(self.answer(self.scope, self.receive, self.send))

    def refuse(self, failure: Failure) -> Response:
        return Response(b"refused", 502)

    async def receive(self) -> Message:
        raise AssertionError("the connection is watched")

    async def send(self, message: Message) -> None:
        self.sent.append(message)


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await turns()
    assert (scene.connection.wire, scene.sent) == ([], [])
    return scene


async def test_the_first_text_goes_out_in_the_turn_in_which_it_comes_in(scene: Scene) -> None:
    scene.stream.write("a")
    assert scene.connection.wire == [HEAD + event(1, "a")]
    assert scene.connection.told == []
    scene.stream.write("b")  # before the task has its turn: nothing overtakes, nothing is lost
    assert scene.connection.wire == [HEAD + event(1, "a")]
    await turns()
    assert [start["status"] for start in scene.connection.told] == [200]
    assert [message.get("body") for message in scene.sent] == [event(2, "b")]
    scene.stream.write("c")
    assert scene.connection.wire[1:] == [event(3, "c")]
    scene.stream.write(end=True)
    await asyncio.wait_for(scene.task, 10)
    assert scene.core.metrics.ended == ["terminal"]


async def test_a_full_connection_gets_it_the_long_way(scene: Scene) -> None:
    scene.connection.full = True
    scene.stream.write("a")
    await turns()
    assert (scene.connection.wire, scene.connection.told) == ([], [])
    assert [message["type"] for message in scene.sent] == [
        "http.response.start",
        "http.response.body",
    ]
    assert scene.sent[1]["body"] == event(1, "a")
    scene.task.cancel()


async def test_a_server_that_gives_up_in_between_knows_what_was_sent(scene: Scene) -> None:
    """Else an answer to the cancellation would be written into the one that has begun."""
    scene.stream.write("a")
    scene.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scene.task
    assert [start["status"] for start in scene.connection.told] == [200]
    assert scene.connection.wire == [HEAD + event(1, "a")]


async def test_one_that_gives_up_before_is_told_nothing(scene: Scene) -> None:
    scene.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scene.task
    assert (scene.connection.told, scene.sent) == ([], [])


async def test_a_first_message_that_is_more_than_goes_out_at_once(scene: Scene) -> None:
    """The first slice goes out in the turn in which it comes in, the rest turn by turn."""
    texts = [f"{number}" + "x" * 200 for number in range(3000)]
    scene.stream.write(*texts)
    (first,) = scene.connection.wire
    assert len(first) < 2 * SLICE
    scene.stream.write(end=True)
    await asyncio.wait_for(scene.task, 10)
    body = first.removeprefix(HEAD) + b"".join(each.get("body", b"") for each in scene.sent)
    assert body.startswith(b"".join(event(n, text) for n, text in enumerate(texts, 1)))
    assert max(len(each.get("body", b"")) for each in scene.sent) <= PIECE
    assert scene.core.metrics.ended == ["terminal"]

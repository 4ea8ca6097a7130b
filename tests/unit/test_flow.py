"""Flows: what goes out of itself, what takes a task, and how each ends."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from broker.api.core import Core
from broker.api.flow import PING, Flow
from broker.api.line import Left
from broker.api.rounds import Rounds
from broker.api.takers import Takers
from broker.dialects.native import NativeView
from broker.model import JobState
from broker.tail import Reader
from broker.tail import reader as reader_module
from tests.unit.tail_stream import Stream

QUIET = 1000.0  # seconds; rounds never come of themselves here
SEND_TIMEOUT = 5000.0


class Metrics:
    """Counts how flows ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.endings = self.first = self
        self.sent = 0

    def labels(self, ending: str) -> "Metrics":
        self.ended.append(ending)
        return self

    def inc(self, amount: int = 1) -> None:
        pass

    def observe(self, amount: float) -> None:
        pass


class FakeCore:
    """What a flow needs of its process."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.quiet = QUIET
        self.begun, self.open = Rounds(QUIET), Rounds(QUIET)
        self.draining = asyncio.Event()
        self.takers = Takers(SEND_TIMEOUT)
        self.settings = SimpleNamespace()
        self.followed: list[Reader] = []

    def follow(self, reader: Reader, cut: object) -> None:
        self.followed.append(reader)

    def unfollow(self, reader: Reader) -> None:
        self.followed.remove(reader)
        reader.close()


class Transport(asyncio.Transport):
    """A connection whose client takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return 0 if self.aborted else 100

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return SimpleNamespace(fileno=lambda: -1)  # no system says what it still has

    def abort(self) -> None:
        self.aborted = True


class FakeWay:
    """A client that takes all at once, or nothing until it is ``free``."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.free = asyncio.Event()
        self.free.set()
        self.end_free = asyncio.Event()
        self.end_free.set()
        self.closed: str | None = None
        self.sends = 0
        self.transport = Transport()

    def write(self, data: bytes) -> bool:
        if self.free.is_set():
            self.texts.append(data)
        return self.free.is_set()

    async def send(self, data: bytes) -> None:
        self.sends += 1
        self.texts.append(data)
        await self.free.wait()

    async def end(self) -> None:
        self.texts.append(b"END")
        await self.end_free.wait()

    def close(self, ending: str) -> None:
        self.closed = ending

    def take(self) -> list[bytes]:
        taken, self.texts = self.texts, []
        return taken


class Scene:
    """A flow whose stream has one frame, and its two ways."""

    def __init__(
        self, *, hands_back: bool = False, taken: bool = True, begins: bool = True
    ) -> None:
        self.stream = Stream()
        self.stream.write("a")
        self.core: Any = FakeCore()
        self.served, self.line = FakeWay(), FakeWay()
        self.flow = Flow(
            cast(Core, self.core),
            self.stream.reader(),
            NativeView("r"),
            self.served,
            hands_back=hands_back,
        )
        self.server: asyncio.Task[None]
        if begins:
            self.flow.begin(self.take if taken else self.refuse)
            self.server = asyncio.ensure_future(self.flow.guard(self.flow.run))

    def take(self, left: Left) -> FakeWay:
        return self.line

    def refuse(self, left: Left) -> None:
        pass

    def look(self, after: float = 0.0) -> None:
        self.flow.look(asyncio.get_running_loop().time() + after)

    @property
    def ended(self) -> list[str]:
        """How it ended; a line or the server is told of it, and nothing is kept."""
        ended: list[str] = self.core.metrics.ended
        assert len(ended) <= 1
        if ended:
            assert self.flow._way.closed == ended[0]  # type: ignore[attr-defined]
            assert (self.core.followed, self.stream.left) == ([], 1)
            assert len(self.core.begun) == len(self.core.open) == 0
            assert self.stream.feed._waiters == {}
        return ended


async def turns() -> None:
    """Let all that can go on do so; nothing here waits for anything but the loop."""
    for _ in range(20):
        await asyncio.sleep(0)


async def resting(*, hands_back: bool = False) -> Scene:
    """A flow that has taken its connection."""
    scene = Scene(hands_back=hands_back)
    await turns()
    assert not scene.server.done()
    assert scene.served.take() == [event(1, "a")]
    scene.look()
    await asyncio.wait_for(scene.server, 10)  # the server's task has ended
    return scene


def event(number: int, text: str) -> bytes:
    return b'id: %d\ndata: {"t":"%b"}\n\n' % (number, text.encode())


async def test_what_comes_to_a_flow_at_rest_takes_no_task() -> None:
    scene = await resting()
    before = asyncio.all_tasks()
    scene.stream.write("b", "c")
    assert scene.line.take() == [event(2, "b") + event(3, "c")]
    scene.stream.write("d")
    assert scene.line.take() == [event(4, "d")]
    assert asyncio.all_tasks() == before
    assert (scene.served.texts, scene.line.sends, scene.ended) == ([], 0, [])


async def test_its_end_takes_one() -> None:
    scene = await resting()
    scene.stream.write("b", end=True)
    await turns()
    text, end = scene.line.take()
    assert text.startswith(event(2, "b") + b"id: 3\nevent: end\n")
    assert (end, scene.ended) == (b"END", ["terminal"])


async def test_what_was_lost_on_the_way_is_read_from_the_store() -> None:
    scene = await resting()
    scene.stream.write("b", lost=True)
    scene.stream.write("c")
    await turns()
    assert scene.line.take() == [event(2, "b") + event(3, "c")]
    scene.stream.write("d", lost=True)
    scene.stream.reconnect()
    await turns()
    assert scene.line.take() == [event(4, "d")]
    scene.stream.write("e")
    assert scene.line.take() == [event(5, "e")]


async def test_pings_go_out_of_themselves_when_it_is_quiet() -> None:
    scene = await resting()
    scene.look()
    assert scene.line.take() == []
    scene.look(QUIET)
    assert scene.line.take() == [PING]
    scene.line.free.clear()  # who has still to take some needs no ping
    scene.look(QUIET)
    assert scene.line.take() == []
    assert (len(scene.core.begun), len(scene.core.open)) == (0, 1)


async def test_a_client_that_is_behind_is_waited_for() -> None:
    scene = await resting()
    scene.line.free.clear()
    scene.stream.write("b")
    await turns()
    scene.stream.write("c")
    scene.look(SEND_TIMEOUT - 1)
    await turns()
    assert scene.line.take() == [event(2, "b")]
    scene.line.free.set()
    await turns()
    assert scene.line.take() == [event(3, "c")]
    assert scene.ended == []


@pytest.mark.parametrize("at_the_end", [False, True])
async def test_a_client_that_takes_nothing_for_too_long_is_cut_off(at_the_end: bool) -> None:
    scene = await resting()
    (scene.line.end_free if at_the_end else scene.line.free).clear()
    scene.stream.write("b", end=at_the_end)
    await turns()
    takers: Takers = scene.core.takers
    takers.look(scene.line.transport, 0.0)
    takers.look(scene.line.transport, SEND_TIMEOUT - 1)
    cut = [scene.line.transport.aborted]
    takers.look(scene.line.transport, SEND_TIMEOUT)
    cut.append(scene.line.transport.aborted)
    assert cut == [False, True]
    scene.flow.left()  # as its connection is lost
    scene.line.end_free.set()
    await turns()
    assert scene.ended == ["stalled"]


@pytest.mark.parametrize("busy", [False, True])
async def test_leaving(busy: bool) -> None:
    scene = await resting()
    if busy:
        scene.line.free.clear()
        scene.stream.write("b")
        await turns()
    scene.flow.left()
    assert scene.ended == ["left"]
    scene.stream.write("c", end=True)
    scene.flow.left()
    await turns()
    assert scene.ended == ["left"]


async def test_leaving_between_a_wake_and_its_task() -> None:
    scene = await resting()
    scene.stream.write("b", end=True)
    await asyncio.sleep(0)  # the task is made, and has not begun
    scene.flow.left()
    await turns()
    assert (scene.ended, scene.line.texts) == (["left"], [])


async def test_who_has_left_before_the_answer_begins_costs_nothing() -> None:
    """A server that was told of it says so at once, in no task of the flow's."""
    scene = Scene(begins=False)
    scene.flow.left()

    async def work() -> str:
        raise AssertionError("nobody is there for it")

    await scene.flow.guard(work)
    assert (scene.ended, scene.served.texts) == (["left"], [])


async def test_leaving_as_the_answer_begins() -> None:
    """To send a head to a client that has gone may be what finds it out."""
    scene = Scene(begins=False)

    async def work() -> str | None:
        scene.flow.left()
        scene.flow.begin(scene.take)
        return await scene.flow.run()

    serving = asyncio.ensure_future(scene.flow.guard(work))
    await asyncio.wait((serving,), timeout=10)
    assert serving.done()
    assert (scene.ended, scene.served.texts) == (["left"], [])


async def test_leaving_after_the_end_is_nothing() -> None:
    scene = await resting()
    scene.line.end_free.clear()
    scene.stream.write(end=True)
    await turns()
    scene.flow.left()
    scene.line.end_free.set()
    await turns()
    assert scene.ended == ["terminal"]


async def test_a_drain_hands_back_or_lets_go_on() -> None:
    native, chat = await resting(hands_back=True), await resting()
    for scene in (native, chat):
        scene.core.draining.set()
        scene.flow._reader.poke()
    await turns()
    assert native.ended == ["handed_back"]
    assert native.line.take()[0].startswith(b"event: retry\nretry: 1000\nid: 1\n")
    assert chat.ended == []
    chat.stream.write("b")
    assert chat.line.take() == [event(2, "b")]
    chat.flow.cut()
    assert chat.ended == ["aborted"]


async def test_a_store_away_for_too_long_parts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    native, chat = await resting(hands_back=True), await resting()
    monkeypatch.setattr(reader_module, "_AWAY_WAIT", 0)
    for scene in (native, chat):
        scene.stream.patience = -1.0
        scene.stream.away = True
        scene.stream.reconnect()
    await turns()
    assert (native.ended, chat.ended) == (["handed_back"], ["aborted"])
    assert b"id: 1\n" in native.line.take()[0]
    assert chat.line.texts == []


async def test_what_the_store_lost_ends_in_a_terminal_that_says_so() -> None:
    scene = await resting(hands_back=True)
    scene.stream.go_back(1)
    scene.stream.state = JobState.COMPLETED
    scene.stream.reconnect()
    await turns()
    assert scene.ended == ["terminal"]
    end, last = scene.line.take()
    assert last == b"END"
    number = int(end.partition(b"\n")[0].removeprefix(b"id: "))
    assert number > 10**14  # nobody else's
    assert b"event: end\n" in end
    assert b'"type":"frames_lost"' in end


async def test_a_connection_that_cannot_be_had_stays_the_server_s() -> None:
    scene = Scene(taken=False)
    await turns()
    assert scene.served.take() == [event(1, "a")]
    scene.look()
    await turns()
    scene.stream.write("b")
    assert scene.served.take() == [event(2, "b")]
    scene.flow._sent_at -= QUIET
    scene.look()
    await turns()
    assert scene.served.take() == [PING]
    scene.flow.cut()  # that is the server's
    assert not scene.server.done()
    scene.server.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scene.server
    assert scene.ended == ["aborted"]


async def test_leaving_ends_the_server_s_task() -> None:
    scene = Scene(taken=False)
    await turns()
    scene.flow.left()
    await asyncio.wait_for(scene.server, 10)
    assert scene.ended == ["left"]

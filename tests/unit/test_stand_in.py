"""The stand-in: when it says what the loop does not, by a clock of the test's own."""

import asyncio
import threading
from typing import Any

import pytest
from redis.exceptions import ConnectionError, NoScriptError

from broker.store.scripts import digest_of, source
from broker.store.stand_in import Order, StandIn
from broker.turns import Turns

ORDERS: list[Order] = [("renew", "d:{p0}:", ("", 2000, "key", 7)), ("attend", "d:{p1}:", ())]


class Server:
    """What the thread's connections are made to; it fails as the test says."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.made = self.closed = 0
        self.error: Exception | None = None

    def connect(self) -> "Server":
        self.made += 1
        return self

    def execute_command(self, *args: Any) -> Any:
        self.sent.append(args)
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def close(self) -> None:
        self.closed += 1


class Stage:
    def __init__(self, orders: list[Order] = ORDERS, *, stuck: float = 30.0) -> None:
        self.server = Server()
        self.turns = Turns()
        self.stand_in = StandIn(
            "worker", self.server.connect, self.turns, lambda: orders, every=0.5, stuck=stuck
        )
        self.begun = self.stand_in._said

    def look(self, *seconds: float) -> int:
        """Look so long after the loop's last word; how often the thread has stood in."""
        for after in seconds:
            self.stand_in.look(self.begun + after)
        return self.stand_in.times


def test_a_punctual_loop_needs_nobody() -> None:
    stage = Stage()
    assert stage.look(0.1, 0.3, 0.5, 0.7) == 0
    assert stage.server.made == 0, "not even a connection"


def test_it_stands_in_for_a_late_loop_as_often_as_needed() -> None:
    stage = Stage()
    assert stage.look(0.8, 1.0, 1.2, 1.4) == 1
    assert stage.look(1.6, 2.0, 2.4, 3.2) == 4
    assert stage.server.made == 1
    assert stage.server.sent[:2] == [
        ("EVALSHA", digest_of("renew"), 1, "d:{p0}:", "", 2000, "key", 7),
        ("EVALSHA", digest_of("attend"), 1, "d:{p1}:"),
    ]


def test_a_loop_that_is_free_again_needs_nobody() -> None:
    stage = Stage()
    assert stage.look(0.8) == 1
    stage.stand_in._said = stage.begun + 1.0
    assert stage.look(1.1, 1.6) == 1


def test_a_stuck_loop_is_given_up_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(stuck=5.0)
    stage.turns.last = stage.begun
    times = stage.look(1.0, 2.0, 3.0, 4.0, 4.9)
    assert times == 5
    assert stage.look(5.0, 6.0, 60.0) == times
    assert [record.msg for record in caplog.records] == ["worker.stuck"]


def test_a_store_that_is_away_makes_no_loop_stuck(caplog: pytest.LogCaptureFixture) -> None:
    """The loop turns, and can't say it either: the leases are the rescuer's affair."""
    stage = Stage(stuck=5.0)
    stage.turns.last = stage.begun + 5.5
    assert stage.look(6.0) == 0
    assert caplog.records == []


def test_nobody_stands_in_where_that_is_turned_off() -> None:
    assert Stage(stuck=0.0).look(1.0, 10.0) == 0


def test_nothing_is_sent_where_nothing_is_held() -> None:
    stage = Stage([])
    assert stage.look(1.0, 2.0) == 0
    assert stage.server.made == 0


def test_a_lost_connection_is_made_again(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.server.error = ConnectionError()
    assert stage.look(0.8) == 0
    stage.server.error = ConnectionError()
    assert stage.look(1.6, 2.4) == 1
    assert (stage.server.made, stage.server.closed) == (3, 2)
    assert [record.msg for record in caplog.records] == ["worker.stand_in_away"]


def test_a_server_that_forgot_the_script_is_given_it() -> None:
    stage = Stage(ORDERS[:1])
    stage.server.error = NoScriptError()
    assert stage.look(0.8) == 1
    assert stage.server.sent[1] == ("EVAL", source("renew"), 1, "d:{p0}:", "", 2000, "key", 7)


async def test_the_thread_looks_while_the_loop_is_held_and_ends_with_its_connection() -> None:
    """The loop is held by this very test until the thread has stood in."""
    stood = threading.Event()
    server = Server()

    def orders() -> list[Order]:
        stood.set()
        return ORDERS[:1]

    stand_in = StandIn("worker", server.connect, Turns(), orders, every=0.01, stuck=60.0)
    stand_in.start()
    stand_in.start()
    assert stood.wait(30), "nobody stood in"
    await stand_in.close()
    await stand_in.close()
    assert [t.name for t in threading.enumerate()].count("worker") == 0
    assert server.closed == server.made == 1


async def test_a_store_without_a_server_has_no_thread() -> None:
    stand_in = StandIn("worker", None, Turns(), lambda: ORDERS, every=0.01, stuck=60.0)
    stand_in.start()
    await asyncio.sleep(0)
    stand_in.look(stand_in._said + 1.0)
    assert stand_in.times == 0
    await stand_in.close()


def test_a_store_that_is_on_another_server_is_connected_to_anew() -> None:
    server, epoch, more = Server(), 0, {"every": 0.5, "stuck": 30.0}
    stand_in = StandIn(
        "worker", server.connect, Turns(), lambda: ORDERS, epoch=lambda: epoch, **more
    )
    begun = stand_in._said
    stand_in.look(begun + 0.8)
    stand_in.look(begun + 1.6)
    assert (server.made, server.closed) == (1, 0)
    epoch = 1
    stand_in.look(begun + 2.4)
    stand_in.look(begun + 3.2)
    assert (server.made, server.closed, stand_in.times) == (2, 1, 4)

"""Turns: how long the loop was held, by a clock of the test's own."""

import pytest

from broker.turns import EVERY, Turns


def late(caplog: pytest.LogCaptureFixture) -> list[float]:
    return [vars(r)["fields"]["seconds"] for r in caplog.records if r.msg == "loop.late"]


def test_a_punctual_loop_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    turns = Turns()
    begun = turns.last
    for turn in range(1, 10):
        turns.note(begun + turn * EVERY)
    assert turns.last == begun + 9 * EVERY
    assert turns.longest == pytest.approx(0.0, abs=1e-6)
    assert (turns.late, late(caplog)) == (0, [])


def test_a_loop_that_was_held_is_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    turns = Turns()
    now = turns.last
    for held in (0.5, 3.0, 2.0):
        now += EVERY + held
        turns.note(now)
    assert turns.longest == pytest.approx(3.0)
    assert turns.late == 2
    assert late(caplog) == [3.0], "the second one comes too soon after the first"
    turns.note(now + EVERY + 20.0)
    assert late(caplog) == [3.0, 20.0]


async def test_it_watches_the_loop_until_it_is_stopped() -> None:
    turns = Turns()
    turns.start()
    turns.stop()
    turns.stop()

"""Patience and pauses, on a clock of the test's own."""

from streamhold_client.outage import Outage


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def outage(time: Time, patience: float = 60.0) -> Outage:
    return Outage(patience, time, lambda: 1.0)


def test_pauses_grow_and_stay_within_patience() -> None:
    time = Time()
    one = outage(time)
    one.begin()
    pauses = []
    while (pause := one.pause()) is not None:
        pauses.append(round(pause, 3))
        time.now += pause
    assert pauses[:7] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert max(pauses) == 5.0
    assert time.now == 160.0


def test_progress_forgives_and_answers_alone_do_not() -> None:
    time = Time()
    one = outage(time, patience=10)
    for _ in range(3):
        one.begin()
        time.now += 3
        one.over()
        time.now += 1000  # connected, silent: not an outage
    one.begin()
    assert one.pause() == 0.1
    time.now += 1
    assert one.pause() is None
    one.over()
    one.progress()
    one.begin()
    assert one.pause() == 0.1


def test_the_servers_wish_holds_once_and_within_patience() -> None:
    one = outage(Time())
    one.begin()
    one.ask(7)
    one.ask(None)
    assert one.pause() == 7
    assert one.pause() == 0.2
    one.ask(0)
    assert one.pause() == 0.4
    one.ask(3600)
    assert one.pause() == 60

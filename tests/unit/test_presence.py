"""Presence: time stands while the store is away."""

from workers.presence import Presence


def test_time_goes_on_while_the_store_answers() -> None:
    presence = Presence(1.0, 2.0)
    assert presence.time(5.0) == 5.0
    presence.answered(5.0)
    assert presence.time(5.9) == 5.9
    presence.answered(5.9)
    presence.answered(6.8)
    assert presence.time(7.0) == 7.0


def test_it_stands_while_nothing_is_heard() -> None:
    presence = Presence(1.0, 2.0)
    presence.answered(5.0)
    assert presence.time(6.0) == presence.time(1000.0) == 6.0


def test_it_steps_back_with_the_store_s_return() -> None:
    """What was kept as the store went is kept for a whole term more."""
    presence = Presence(1.0, 2.0)
    presence.answered(5.0)
    presence.answered(35.0)
    assert presence.time(35.0) == 4.0
    presence.answered(35.5)
    assert presence.time(35.5) == 4.5

"""What gives way when files run short, and what is said of it."""

from typing import Any

import pytest

from broker import log
from broker.api.crowd import Crowd


class Idle:
    def __init__(self) -> None:
        self.gone = False

    def close_idle(self) -> None: ...

    def abort(self) -> None:
        self.gone = True


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The lines: how many files there are, connections closed and refused."""
    found: list[Any] = []

    def warning(event: str, *, files: int, closed: int, refused: int) -> None:
        assert event == "connections.crowded"
        found.append((files, closed, refused))

    monkeypatch.setattr(log, "warning", warning)
    return found


def test_the_longest_idle_give_way(logged: list[Any]) -> None:
    cut: list[str] = []
    crowd = Crowd(160, cut.append)
    idle = [Idle() for _ in range(20)]
    crowd.waiting.update(dict.fromkeys(idle))
    assert crowd.admits(139, 0.0)
    assert not any(each.gone for each in idle)
    assert crowd.admits(140, 0.0)  # of 160 files 20 are in reserve
    assert [each.gone for each in idle] == [True] * 3 + [False] * 17
    assert cut == ["crowded"] * 3
    assert logged == [(160, 3, 0)]


@pytest.mark.parametrize(("file", "idle"), [(140, 0), (150, 20)])
def test_else_the_new_one_is_refused(file: int, idle: int, logged: list[Any]) -> None:
    """Where none is idle; and where even the reserve is half used."""
    cut: list[str] = []
    crowd = Crowd(160, cut.append)
    crowd.waiting.update(dict.fromkeys(Idle() for _ in range(idle)))
    assert not crowd.admits(file, 0.0)
    assert cut.count("refused") == 1
    assert logged[0][2] == 1


def test_a_storm_makes_few_lines(logged: list[Any]) -> None:
    crowd = Crowd(160, lambda _: None)
    for tenth in range(250):
        crowd.admits(150, tenth / 10)
    assert logged == [(160, 0, 1), (160, 0, 100), (160, 0, 100)]


@pytest.mark.parametrize("limit", [-1, 1 << 30])
def test_no_limit_is_none(limit: int) -> None:
    assert Crowd(limit, lambda _: None).admits(1 << 29, 0.0)

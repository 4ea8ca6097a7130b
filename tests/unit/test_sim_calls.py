"""The simulated provider's counts: bounded, whatever it is called with."""

import pytest

from sim import calls as module
from sim.calls import Calls


def count(calls: Calls, model: str, prompt: str) -> int:
    with calls.counted(model, prompt) as ordinal:
        return ordinal


def test_calls_are_counted() -> None:
    calls = Calls()
    assert [count(calls, "m", "p"), count(calls, "m", "p"), count(calls, "m", "q")] == [1, 2, 1]
    assert (calls.total, calls.by_model["m"], calls.by_prompt["p"]) == (3, 3, 2)


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 1000)
    calls = Calls()
    for number in range(50):
        count(calls, f"m{number}", "x" * 100)
    assert calls.total == 50
    assert len(calls._by_both) == 9
    assert len(calls.by_model) == 9
    assert calls._size <= 1000
    calls.reset()
    assert calls._size == 0

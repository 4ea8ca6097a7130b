"""Settling: what lost holders left of ended jobs, one job after the other."""

import asyncio
from typing import Any, cast

import pytest

from broker.dialects.registry import DIALECTS
from broker.errors import StoreAway
from broker.store import Store
from tests.store.samples import BODY
from tests.unit.generate_rig import ScriptedProviders
from workers import settling
from workers.read_backs import ReadBacks
from workers.settling import Settling, prompt_tokens

CHAT = DIALECTS["chat"]


class Stage:
    """Settles keys as the test lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[str] = []
        self.now = self.most = 0
        self.error: Exception | None = None
        self.let = asyncio.Event()
        monkeypatch.setattr(settling, "settle", self._settle)
        nothing = cast(Store, None)
        providers = cast(Any, ScriptedProviders())
        self.settling = Settling(nothing, providers, ReadBacks(nothing))

    async def _settle(self, store: Any, providers: Any, reads: Any, key: str) -> None:
        self.begun.append(key)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.let.wait()
            if self.error is not None:
                raise self.error
        finally:
            self.now -= 1

    async def over(self) -> None:
        task = self.settling._task
        assert task is not None
        await task


async def test_jobs_are_settled_one_after_the_other_and_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(monkeypatch)
    for key in ("a", "b", "c"):
        stage.settling.add(key)
    await asyncio.sleep(0)
    for key in ("a", "b", "c"):  # found again: they take long
        stage.settling.add(key)
    assert stage.begun == ["a"]
    stage.let.set()
    await stage.over()
    assert (stage.begun, stage.most) == (["a", "b", "c"], 1)
    stage.settling.add("a")
    await stage.over()
    assert stage.begun[-1] == "a", "once it is over it may be found again"


@pytest.mark.parametrize("error", [StoreAway(), ValueError()])
async def test_one_that_fails_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    stage = Stage(monkeypatch)
    stage.error = error
    stage.let.set()
    stage.settling.add("a")
    stage.settling.add("b")
    await stage.over()
    assert stage.begun == ["a", "b"]


async def test_only_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "_MOST_WAITING", 2)
    stage = Stage(monkeypatch)
    for key in "abcde":
        stage.settling.add(key)
    stage.let.set()
    await stage.over()
    assert stage.begun == ["a", "b"]


async def test_closing_leaves_the_rest_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    stage.settling.add("a")
    stage.settling.add("b")
    await asyncio.sleep(0)
    await stage.settling.close()
    assert (stage.begun, stage.now) == (["a"], 0)


def test_a_prompt_is_counted_from_what_is_there() -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": "x" * 100}]}
    assert prompt_tokens(CHAT, None) is None
    assert prompt_tokens(CHAT, BODY) == CHAT.prompt({"messages": []})
    assert prompt_tokens(CHAT, None, request) == prompt_tokens(CHAT, BODY, request)
    large = b"[" * 1_000_000  # not decoded
    assert prompt_tokens(CHAT, large, request) == 250_000

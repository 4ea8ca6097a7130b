"""What is logged of connections that broke: that they did, and nothing of what was sent."""

import asyncio
import json
import os
import signal
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from broker import log
from broker.api import server
from broker.api.core import Core
from broker.api.server import _on_loop_error
from broker.errors import StoreAway
from broker.settings import Settings


def logged(capsys: pytest.CaptureFixture[str], error: BaseException, message: str) -> Any:
    loop = asyncio.new_event_loop()
    log.configure("api")
    try:
        _on_loop_error(loop, {"message": message, "exception": error})
    finally:
        loop.close()
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_broken_connection_is_no_error_and_tells_no_key(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = ExceptionGroup("in a group", [ValueError("Bearer a-key"), OSError("a-key")])
    (line,) = logged(capsys, error, "Unhandled exception in client_connected_cb")
    assert (line["level"], line["event"]) == ("warning", "connection.broken")
    assert line["errors"] == ["builtins.ValueError", "builtins.OSError"]
    assert "a-key" not in json.dumps(line)


def test_a_cancelled_connection_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert logged(capsys, asyncio.CancelledError(), "Unhandled exception") == []


def test_anything_else_is_a_defect(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = logged(capsys, ValueError("broken"), "a task")
    assert line["level"] == "error"


class Failed:
    """A core whose loops have died."""

    failed = True
    followed: dict[object, object] = {}  # noqa: RUF012 - nothing is put there

    def __init__(self, settings: Settings, name: str) -> None:
        self.store = self.layout = self
        self.metrics = SimpleNamespace(cut=None)
        self.takers = SimpleNamespace(add=None)

    async def check(self) -> None:
        raise StoreAway()


async def test_a_process_that_ends_by_a_defect_does_not_end_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def served(*args: object, **options: object) -> None: ...

    monkeypatch.setattr(server, "Core", Failed)
    monkeypatch.setattr(server, "create_app", lambda core: core)
    monkeypatch.setattr(server, "hypercorn_serve", served)
    monkeypatch.setattr(server, "install", lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(server, "_listen", lambda settings: listener)
        with pytest.raises(SystemExit) as caught:
            await server.serve(Settings())
    assert caught.value.code == 1


async def test_a_loop_that_dies_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append(number))
    core = Core(Settings(), "test")

    async def dies() -> None:
        raise ZeroDivisionError

    loop = asyncio.create_task(dies())
    await asyncio.wait([loop])
    core._on_loop_end(loop)
    assert core.failed
    assert killed == [signal.SIGTERM]
    await core.store.close()

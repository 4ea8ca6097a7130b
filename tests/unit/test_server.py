"""What is logged of connections that broke: that they did, and nothing of what was sent."""

import asyncio
import json
from typing import Any

import pytest

from broker import log
from broker.api.server import _on_loop_error


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

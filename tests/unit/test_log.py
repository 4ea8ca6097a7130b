"""Log lines: one JSON object each, with a name, fields, and never a secret."""

import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from broker import log
from broker.settings import Secret

NOISY = ("arq", "asyncio", "aiohttp", "hypercorn")


@pytest.fixture
def lines() -> Iterator[Any]:
    """Configured as a process; the call gives what was logged since."""
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, NOISY)]
    levels = [logger.level for logger in loggers]
    handlers, root.handlers = root.handlers, []
    log.configure("tester")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr
    stream = io.StringIO()
    handler.setStream(stream)

    def read() -> list[dict[str, Any]]:
        text = stream.getvalue()
        assert text.endswith("\n")
        return [msgspec.json.decode(line) for line in text[:-1].split("\n")]

    yield read
    root.handlers = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def test_an_event_and_its_fields(lines: Any) -> None:
    log.info("job.ended", request_id="r1", attempts=2, error=None)
    log.warning("job.rescued", job_key="k")
    first, second = lines()
    assert first.pop("time") > 1.7e9
    assert first == {
        "level": "info",
        "event": "job.ended",
        "request_id": "r1",
        "attempts": 2,
        "error": None,
        "process": "tester",
    }
    assert (second["level"], second["event"], second["job_key"]) == ("warning", "job.rescued", "k")


def test_a_defect_has_its_trace(lines: Any) -> None:
    try:
        raise ZeroDivisionError("oh")
    except ZeroDivisionError:
        log.exception("job.defect", request_id="r1")
    (line,) = lines()
    assert (line["level"], line["event"], line["request_id"]) == ("error", "job.defect", "r1")
    assert line["trace"].splitlines()[-1] == "ZeroDivisionError: oh"


def test_other_libraries_lines_are_events_named_log(lines: Any) -> None:
    logging.getLogger("somebody").warning("it is %s", "late")
    logging.getLogger("arq.worker").info("Starting worker")
    logging.getLogger("somebody").debug("no")
    (line,) = lines()
    assert (line["event"], line["logger"], line["message"]) == ("log", "somebody", "it is late")


def test_a_line_is_one_line(lines: Any) -> None:
    log.info("event", text="a\nb\u2028c")
    (line,) = lines()
    assert line["text"] == "a\nb\u2028c"


def test_what_json_has_not_is_shown(lines: Any) -> None:
    log.info("event", secret=Secret("sk-1"), raw=b"\x00", error=ValueError("x"), nan=float("nan"))
    (line,) = lines()
    assert line["secret"] == "***"
    assert line["error"] == "ValueError('x')"
    assert line["nan"] is None


def test_a_process_is_named_once(lines: Any) -> None:
    log.info("event", process="mine")
    (line,) = lines()
    assert line["process"] == "mine"

"""Structured log lines: one JSON object a line on stderr, an event's name and its fields.

The request id is among the fields wherever a job is meant. Prompts, answers and keys never
are: nothing that a caller or a provider wrote is passed to this module but error types.
"""

import logging
import sys
import time
from typing import Any

import msgspec

_logger = logging.getLogger("streamhold")


class _Lines(logging.Formatter):
    """Our events as they are; other libraries' records as an event named ``log``."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"time": round(time.time(), 3), "level": record.levelname.lower()}
        fields = getattr(record, "fields", None)
        if fields is None:
            line |= {"event": "log", "logger": record.name, "message": record.getMessage()}
        else:
            line |= {"event": record.msg, **fields}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=repr).decode()


def configure(process: str) -> None:
    """Send every log line of this process to stderr; ``process`` names it in each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    handler.addFilter(_Named(process))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("arq", "asyncio", "aiohttp", "hypercorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class _Named(logging.Filter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def filter(self, record: logging.LogRecord) -> bool:
        fields = getattr(record, "fields", None)
        if fields is not None:
            fields.setdefault("process", self._process)
        return True


def info(event: str, **fields: Any) -> None:
    """Log that something happened."""
    _logger.info(event, extra={"fields": fields})


def warning(event: str, **fields: Any) -> None:
    """Log something an operator should look at."""
    _logger.warning(event, extra={"fields": fields})


def exception(event: str, **fields: Any) -> None:
    """Log a defect, with the trace of the exception being handled."""
    _logger.error(event, extra={"fields": fields}, exc_info=True)

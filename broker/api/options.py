"""Job options: how a caller narrows one call, by headers or in the body of ``POST /v1/jobs``.

What they may narrow is the route's and the account's; that is checked where a job is made.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from broker.errors import BadRequest
from broker.model import Options

_PREFIX = "x-streamhold-"
_RAW_PREFIX = _PREFIX.encode()
# No option: the id under which a proxy sends a call that has no key, so that it may send it again.
# It is not the caller's, so no answer says that the caller's own next try would fail the same way.
NAMED_BY_PROXY = b"x-streamhold-request-id"
_NONE = Options()
_LONGEST = 30 * 24 * 3600.0  # seconds
_LONGEST_JOIN = 24 * 3600.0  # seconds
_MOST_TARGETS = 64
_LONGEST_NAME = 512  # characters of a target's name; each record keeps them


# The options as the description shows them: JSON Schema of each, and what it does.
DESCRIBED: dict[str, tuple[dict[str, Any], str]] = {
    "targets": (
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100},
        "Only these of the route's targets, in this order.",
    ),
    "retries": (
        {"type": "integer", "minimum": 0, "maximum": 100},
        "How often a target is tried again, at most.",
    ),
    "attempts": ({"type": "integer", "minimum": 1, "maximum": 100}, "Tries in all, at most."),
    "deadline": (
        {"type": "number", "minimum": 0.001, "maximum": _LONGEST},
        "Seconds from the job's creation to its end, at most.",
    ),
    "priority": ({"enum": ["interactive", "batch"]}, "Batch goes behind interactive."),
    "on_disconnect": (
        {"enum": ["continue", "cancel"]},
        "Whether the job is cancelled once nobody reads it.",
    ),
    "grace": (
        {"type": "number", "minimum": 1, "maximum": _LONGEST},
        "Seconds without a reader until then.",
    ),
    "join": (
        {"type": "number", "minimum": 0, "maximum": _LONGEST_JOIN},
        "Seconds for which an equal call without a key joins this one, if its reader is lost; 0: "
        "never. Not of jobs that nobody waits for.",
    ),
    "caller_retries": (
        {"type": "boolean"},
        "Whether the caller makes a failed call again by itself: no target is tried twice then.",
    ),
}


def header_of(option: str) -> str:
    """The header that sets an option."""
    return _PREFIX + option.replace("_", "-")


def from_headers(headers: Iterable[tuple[bytes, bytes]]) -> Options:
    """The options that a call's headers ask for. Their names are in lower case.

    Raises:
        BadRequest: there is no such option, or its value is wrong.
    """
    values: dict[str, Any] = {}
    for raw, value in headers:
        if not raw.startswith(_RAW_PREFIX) or raw == NAMED_BY_PROXY:
            continue
        header, text = raw.decode("latin-1"), value.decode("latin-1")
        name = header.removeprefix(_PREFIX).replace("-", "_")
        if name not in _READ or header != header_of(name):
            raise BadRequest(f"There is no header {header!r}.", param=header)
        if name in values:
            raise BadRequest(f"{header!r} is given twice.", param=header)
        try:
            values[name] = _READ[name](text.strip())
            check(msgspec.convert({name: values[name]}, Options))
        except BadRequest as error:
            raise BadRequest(error.detail, param=header) from error
        except ValueError as error:
            raise BadRequest(f"{header!r} has a value that can't be read.", param=header) from error
    return msgspec.convert(values, Options) if values else _NONE


def check(options: Options) -> Options:
    """The options, if every value is in its range.

    Raises:
        BadRequest: one is not.
    """
    ranges = (
        ("retries", options.retries, 0, 100),
        ("attempts", options.attempts, 1, 100),
        ("deadline", options.deadline, 0.001, _LONGEST),
        ("grace", options.grace, 1, _LONGEST),
        ("join", options.join, 0, _LONGEST_JOIN),
    )
    for name, value, low, high in ranges:
        if value is not None and not low <= value <= high:
            raise BadRequest(f"{name!r} must be from {low:g} to {high:g}.", param=name)
    if options.targets is not None and not 1 <= len(options.targets) <= _MOST_TARGETS:
        raise BadRequest(f"'targets' must name 1 to {_MOST_TARGETS}.", param="targets")
    if any(len(name) > _LONGEST_NAME for name in options.targets or ()):
        raise BadRequest(f"A target may have {_LONGEST_NAME} characters.", param="targets")
    return options


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(text)
    return int(text)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _seconds(text: str) -> float:
    if not text.isascii() or len(text) > 20:
        raise ValueError(text)
    return float(text)


_READ: dict[str, Callable[[str], Any]] = {
    "targets": _names,
    "retries": _whole,
    "attempts": _whole,
    "deadline": _seconds,
    "priority": str,
    "on_disconnect": str,
    "grace": _seconds,
    "join": _seconds,
    "caller_retries": _flag,
}

"""The errors of an HTTP library, sorted by what they mean for a call."""

from collections.abc import Callable
from dataclasses import dataclass

Errors = tuple[type[Exception], ...]


@dataclass(frozen=True)
class Faults:
    """One library's errors.

    ``lost``: the connection is gone, the call may be running. ``unsent``: there was none, and
    no server ever saw the call. ``silent``: the read timeout. ``failed``: all of these and
    whatever else makes a try worth repeating. ``cut`` makes the error for a stream that is
    lost without one of the library's own.
    """

    lost: Errors
    unsent: Errors
    silent: Errors
    failed: Errors
    cut: Callable[[str], Exception]

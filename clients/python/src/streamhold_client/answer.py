"""An HTTP answer, whichever library it came by, and what its head tells."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Protocol

_PASSING = frozenset((408, 425, 429))  # and every 5xx: they may be otherwise the next time


class Head(Protocol):
    """Status and headers."""

    @property
    def status_code(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


class Answer(Head, Protocol):
    """With a body to be read by blocking."""

    def iter_raw(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


class AsyncAnswer(Head, Protocol):
    """With a body to be awaited."""

    def aiter_raw(self) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


def is_good(head: Head) -> bool:
    return 200 <= head.status_code < 300


def is_passing(head: Head) -> bool:
    """Whether the same request may be answered otherwise soon.

    ``x-should-retry: false`` says that it will not: the job itself has failed so.
    """
    passing = head.status_code in _PASSING or head.status_code >= 500
    return passing and head.headers.get("x-should-retry") != "false"


def is_stream(head: Head) -> bool:
    """Whether events follow."""
    kind = head.headers.get("content-type", "").partition(";")[0]
    return kind.strip().lower() == "text/event-stream"


def is_clear(head: Head) -> bool:
    """Whether the body is as it was written; events can't be told apart in anything else."""
    return head.headers.get("content-encoding", "identity").strip().lower() == "identity"


def retry_after(head: Head) -> float | None:
    """Seconds; None for anything else, dates included."""
    text = head.headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() else None

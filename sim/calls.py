"""What was called how often: the evidence that a broker called once, or closed in time."""

import time
from asyncio import CancelledError, Event
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_MOST = 64 * 1024 * 1024  # characters of the models and prompts that are counted


class Calls:
    """Counts of the calls since the last reset.

    ``active`` is a gauge and outlives a reset; a call from before a reset changes nothing else.
    Once ``closing`` is set the server itself ends calls, and none counts as aborted.
    ``closed`` has, by prompt, when the last abort was noticed: seconds of ``time.monotonic``,
    which all processes of a machine share.
    """

    def __init__(self) -> None:
        self.closing = False
        self.active = 0
        self._era = 0
        self._changed = Event()
        self.reset()

    def reset(self) -> None:
        """Count from nothing again; ``failfirst`` starts over as well."""
        self._era += 1
        self.total = 0
        self.aborted = 0
        self.closed: dict[str, float] = {}
        self._size = 0  # characters of what is counted by
        self.by_model: Counter[str] = Counter()
        self.by_prompt: Counter[str] = Counter()
        self._by_both: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def counted(self, model: str, prompt: str) -> Iterator[int]:
        """Count a call for as long as the block runs.

        Yields the call's ordinal, from 1, among those with this model and prompt. A block that
        is left by cancellation or a broken connection is a call its client closed too early.
        """
        era = self._era
        self.total += 1
        self._make_room(model, prompt)
        self.by_model[model] += 1
        self.by_prompt[prompt] += 1
        self._by_both[model, prompt] += 1
        self.active += 1
        self._tell()
        try:
            yield self._by_both[model, prompt]
        except (CancelledError, ConnectionError):
            if era == self._era and not self.closing:
                self.aborted += 1
                self.closed[prompt] = time.monotonic()
            raise
        finally:
            self.active -= 1
            self._tell()

    def _make_room(self, model: str, prompt: str) -> None:
        """Forget the oldest counts once all that was called by takes too much memory."""
        if (model, prompt) in self._by_both:
            return
        self._size += len(model) + len(prompt)
        while self._size > _MOST and self._by_both:
            old_model, old_prompt = next(iter(self._by_both))
            del self._by_both[old_model, old_prompt]
            self._size -= len(old_model) + len(old_prompt)
            for counts, name in ((self.by_model, old_model), (self.by_prompt, old_prompt)):
                counts.pop(name, None)
            self.closed.pop(old_prompt, None)

    def going_on(self) -> Callable[[], None]:
        """Another answer runs without its caller, until what is returned is called."""
        self.active += 1
        self._tell()

        def ended() -> None:
            self.active -= 1
            self._tell()

        return ended

    def count_aborted(self, prompt: str) -> None:
        """An answer was stopped by its caller's word."""
        self.aborted += 1
        self.closed[prompt] = time.monotonic()
        self._tell()

    async def until(self, condition: Callable[["Calls"], bool]) -> None:
        """Wait until the condition holds of these counts; for tests on the server's own loop."""
        while not condition(self):
            await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = Event()

    def snapshot(self) -> dict[str, Any]:
        """The counts as ``GET /sim/calls`` shows them."""
        return {
            "total": self.total,
            "active": self.active,
            "by_model": dict(self.by_model),
            "by_prompt": dict(self.by_prompt),
            "aborted": self.aborted,
            "closed": self.closed,
        }

"""Intake: one attempt's frames on their way from its provider into the stream.

    provider ─▶ joined to what stands there ─▶ tool calls held back ─▶ what stands there left out

The last is for a call that was lost and attached to: its provider tells the answer again from
the start, the same frames come out of the same steps, and those that are stored are passed over.
"""

from collections.abc import Sequence

from broker.frames import Frame
from broker.model import Failure
from broker.offload.tasks import Partial
from workers.joining import Joining, ToolCalls


class Intake:
    """The way of one attempt. ``stored`` is how many of its frames are in the stream already."""

    def __init__(self, joining: Joining | None, holding: ToolCalls | None, stored: int = 0) -> None:
        self._joining = joining
        self._holding = holding
        self._stored = stored

    @property
    def straight(self) -> bool:
        """Whether frames are passed on as they come, so that a provider's cursor is theirs."""
        return self._joining is None and self._holding is None

    @property
    def unchanging(self) -> bool:
        """Whether ``take`` returns what it is given, from now on."""
        return self.straight and not self._stored

    @property
    def alone(self) -> bool:
        """Whether all that readers get is this attempt's."""
        return self._joining is None or self._joining.follows_nothing

    @property
    def partial(self) -> Partial | None:
        """What the attempt goes on from, if its provider is given that."""
        return self._joining.partial() if self._joining is not None else None

    def take(self, received: Sequence[Frame]) -> Sequence[Frame]:
        """What is to be delivered of these frames, as it is to be.

        Raises:
            ProviderFailure: a replay said something else; more is held than is sensible.
        """
        if self._joining is not None:
            received = self._joining.join(received)
        if self._holding is not None:
            received = self._holding.pass_on(received)
        return self._fresh(received) if self._stored else received

    def end(self) -> Sequence[Frame]:
        """The answer is whole: the rest of what is to be delivered.

        Raises:
            ProviderFailure: a replay was shorter than what was delivered.
        """
        if self._joining is not None:
            self._joining.end()
        return self._fresh(self._holding.release()) if self._holding is not None else ()

    def judged(self, failure: Failure) -> Failure:
        """What the attempt's failure means for the job."""
        return self._joining.judged(failure) if self._joining is not None else failure

    def _fresh(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        passed = min(self._stored, len(frames))
        self._stored -= passed
        return frames[passed:]

"""Joining: how a later attempt's frames go on in a stream that an earlier one has begun.

A lost answer is read back from its own stream, whether this worker wrote it or one that is
dead: there is one machinery for both. The pure part is the dialect's: its
``Transcript`` says where the answer stands, its ``Joint`` fits the new frames to it.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from broker.dialects.dialect import Dialect, Diverged, Transcript
from broker.frames import Frame
from broker.model import Failure
from broker.offload.tasks import Partial
from broker.routing import Mode
from workers.providers.base import ProviderFailure
from workers.providers.failures import garbled

_MOST_HELD = 16 * 1024 * 1024  # bytes of tool calls


class Joining:
    """One attempt's way into a stream that was begun. ``spent`` is the usage before it."""

    def __init__(
        self,
        dialect: Dialect,
        transcript: Transcript,
        mode: Mode,
        spent: dict[str, Any] | None,
        *,
        same: bool = False,
    ) -> None:
        """``same``: it is no other attempt, but the same answer, which is told again whole."""
        self._dialect = dialect
        self._transcript = transcript
        self._mode = mode
        kind: Literal["continue", "replay"] = "continue" if mode == "continue" else "replay"
        if same and dialect.rest is not None:
            self._joint = dialect.rest(transcript, spent)
        else:
            self._joint = dialect.joint(transcript, kind, spent)

    @property
    def continues(self) -> bool:
        """Whether the provider is given what was delivered."""
        return self._mode == "continue"

    @property
    def follows_nothing(self) -> bool:
        """Whether nothing was said before it."""
        return self._transcript.silent

    def request(self, request: dict[str, Any]) -> dict[str, Any]:
        """What to ask: the same again, or with the partial answer as the last message."""
        if not self.continues:
            return request
        return self._dialect.continued(request, self._transcript)

    def partial(self) -> Partial | None:
        """What was delivered, for a request that is made elsewhere to go on from it."""
        if not self.continues:
            return None
        return Partial(self._dialect.pieces(self._transcript), self._transcript.length)

    def join(self, frames: Sequence[Frame]) -> list[Frame]:
        """The frames as they go on in the stream; fewer, where nothing is left of one.

        Raises:
            ProviderFailure: a replay said something else, or what can't be fitted.
        """
        try:
            return [joined for frame in frames for joined in self._joint.join(frame)]
        except Diverged as error:
            raise ProviderFailure(_diverged(error)) from error
        except (AttributeError, KeyError, TypeError) as error:  # of other types than the dialect's
            raise ProviderFailure(garbled("event")) from error

    def end(self) -> None:
        """The attempt has said all it had to say.

        Raises:
            ProviderFailure: a replay was shorter than what was delivered.
        """
        try:
            self._joint.end()
        except Diverged as error:
            raise ProviderFailure(_diverged(error)) from error

    def judged(self, failure: Failure) -> Failure:
        """What an attempt's failure means for the job.

        A target that refuses to go on from a partial answer is at fault, not the call.
        """
        if self.continues and failure.remedy == "final":
            return msgspec.structs.replace(failure, remedy="next")
        return failure


class ToolCalls:
    """Holds tool calls back until the answer is whole, so that readers never see half of one.

    From the first piece of a tool call on nothing is passed on; if the attempt is lost, what
    was held is dropped with it, and another can take its place unseen. A seal that came with
    the call, just before it, is held too.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._begins = dialect.begins_call
        self._leads = dialect.leads_to_call
        self._held: list[Frame] = []
        self._size = 0

    def pass_on(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        """The frames that may be delivered now.

        Raises:
            ProviderFailure: more would have to be held than is sensible.
        """
        if self._held:
            self._hold(frames)
            return ()
        for place, frame in enumerate(frames):
            if self._begins(frame):
                while place and self._leads(frames[place - 1]):
                    place -= 1
                self._hold(frames[place:])
                return frames[:place]
        return frames

    def _hold(self, frames: Sequence[Frame]) -> None:
        self._held += frames
        self._size += sum(len(frame.body) for frame in frames)
        if self._size > _MOST_HELD:
            raise ProviderFailure(garbled("tool_calls_too_large"))

    def release(self) -> list[Frame]:
        """What was held, of an answer that is whole."""
        return self._held


def _diverged(error: Diverged) -> Failure:
    return Failure(
        type="replay_diverged",
        message=f"The answer was lost, and run again it came out differently: {error}.",
        status=502,
        remedy="final",
        retryable=True,
    )

"""Attaching: a call that was lost while its provider goes on with it is not made again.

It may have been lost with its worker or by a cut connection. The stream says where it stands:
the frames after its ``attempt`` frame are its own. How the provider is asked for the rest is
``workers.providers``' matter, and what is stored of it already ``workers.intake`` passes over.
The attempt goes on under its number, for it is one call and costs once.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from broker.frames import Frame, Kind, begins_attempt, data_of
from broker.model import Attempt, Failure
from broker.routing import Mode, Target

_TRIES = 6  # in a row that bring nothing
_CUT = frozenset(("provider_cut", "provider_unreachable"))  # failures of a connection alone
_PASSING = _CUT | {"provider_error", "rate_limit_exceeded"}  # of a try: the next may bring it
_LEFT = frozenset(("lost", "handed_over"))  # outcomes of an attempt that its worker left


class Severed(NamedTuple):
    """A lost call: how its attempt ended, the stream before it, and how much of it is there."""

    attempt: Attempt
    mode: Mode
    before: Sequence[Frame]
    stored: int  # frames

    @property
    def target(self) -> Target:
        return Target(self.attempt.provider, self.attempt.model)


class Attaching:
    """What one claim has tried of it so far."""

    def __init__(self) -> None:
        self._tries = 0  # since something came of one
        self._over: set[int] = set()  # numbers of attempts that can't be had again

    def severed(
        self, attempt: Attempt | None, frames: Sequence[Frame], total: float
    ) -> Severed | None:
        """The call that is worth attaching to, if this attempt at a provider that resumes is.

        ``frames`` are the stream's from the first on, none if nothing was delivered; ``total``
        bounds a call, in seconds.
        """
        if attempt is None or attempt.number in self._over or self._tries >= _TRIES:
            return None
        if attempt.outcome not in _LEFT and not _is_cut(attempt.error):
            return None
        if time.time() - attempt.started > total:
            return None
        return _stand(attempt, frames)

    def pause(self, backoff: float) -> float:
        """Seconds before the next try."""
        return backoff * 2 ** (self._tries - 1) if self._tries else 0.0

    def failed(self, attempt: Attempt, failure: Failure) -> None:
        """A try brought nothing: the provider was away, or said that it has no such call."""
        self._tries += 1
        if failure.type not in _PASSING:
            self._over.add(attempt.number)

    def came_on(self) -> None:
        """Something came of a try."""
        self._tries = 0


def _is_cut(failure: Failure | None) -> bool:
    return failure is not None and failure.type in _CUT


def _stand(attempt: Attempt, frames: Sequence[Frame]) -> Severed | None:
    if not frames:
        return Severed(attempt, "fresh", (), 0)
    for place in range(len(frames) - 1, -1, -1):
        if begins_attempt(frames[place]):
            notice = msgspec.json.decode(data_of(frames[place].body))
            if notice.get("number") != attempt.number:
                return None
            own = sum(frame.kind != Kind.NATIVE for frame in frames[place + 1 :])
            before = [frame for frame in frames[:place] if frame.kind != Kind.TERMINAL]
            return Severed(attempt, notice.get("mode", "fresh"), before, own)
    return None

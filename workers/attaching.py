"""Attaching: a call that was lost while its provider goes on with it is not made again.

It may have been lost with its worker or by a cut connection. The stream says where it stands:
the frames after its ``attempt`` frame are its own. How the provider is asked for the rest is
``workers.providers``' matter, and what is stored of it already ``workers.intake`` passes over.
The attempt goes on under its number, for it is one call and costs once.
"""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from broker.frames import Frame, Kind, begins_attempt, data_of
from broker.model import Attempt, Failure
from broker.routing import Mode, Target

_TRIES = 6  # in a row that bring nothing
_CUT = frozenset(("provider_cut", "provider_unreachable"))  # failures of a connection alone
_PASSING = _CUT | {"provider_error", "rate_limit_exceeded"}  # of a try: the next may bring it
_LEFT = frozenset(("lost", "handed_over"))  # outcomes of an attempt that its worker left


class Stand:
    """Where the last attempt of a stream stands, fed with the stream's frames from the first on.

    ``notice`` is what its first frame tells of it, None if the stream has no attempt; ``place``
    how many frames come before that one, ``begun`` whether any of those is of an answer, and
    ``stored`` how many of the attempt's own are there.
    """

    __slots__ = ("_answers", "begun", "count", "notice", "place", "stored")

    def __init__(self) -> None:
        self.count = 0  # frames in all
        self.notice: dict[str, Any] | None = None
        self.place = 0
        self.begun = False
        self.stored = 0
        self._answers = False  # whether any frame so far is of an answer

    def take(self, frames: Iterable[Frame]) -> None:
        """Take the stream's next frames."""
        for frame in frames:
            self.count += 1
            if frame.kind != Kind.NATIVE:
                self.stored += 1
                self._answers = self._answers or frame.kind != Kind.TERMINAL
            elif begins_attempt(frame):
                self.notice = msgspec.json.decode(data_of(frame.body))
                self.place = self.count - 1
                self.begun, self.stored = self._answers, 0


class Severed(NamedTuple):
    """A lost call: how its attempt ended, what is before it, and how much of it is there.

    ``place`` and ``begun`` as in ``Stand``.
    """

    attempt: Attempt
    mode: Mode
    place: int
    begun: bool
    stored: int  # frames

    @property
    def target(self) -> Target:
        return Target(self.attempt.provider, self.attempt.model)


class Attaching:
    """What one claim has tried of it so far."""

    def __init__(self) -> None:
        self._tries = 0  # since something came of one
        self._over: set[int] = set()  # numbers of attempts that can't be had again

    def severed(self, attempt: Attempt | None, stand: Stand, total: float) -> Severed | None:
        """The call that is worth attaching to, if this attempt at a provider that resumes is.

        ``stand`` is of the stream, of no frame if nothing was delivered; ``total`` bounds a call,
        in seconds.
        """
        if attempt is None or attempt.number in self._over or self._tries >= _TRIES:
            return None
        if attempt.outcome not in _LEFT and not _is_cut(attempt.error):
            return None
        if time.time() - attempt.started > total:
            return None
        return _severed(attempt, stand)

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


def _severed(attempt: Attempt, stand: Stand) -> Severed | None:
    if not stand.count:
        return Severed(attempt, "fresh", 0, False, 0)
    notice = stand.notice
    if notice is None or notice.get("number") != attempt.number:
        return None
    mode = notice.get("mode", "fresh")
    return Severed(attempt, mode, stand.place, stand.begun, stand.stored)

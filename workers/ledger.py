"""The ledger: a job's attempts in one holder's hands, from its claim to its end.

Every attempt is settled once: what its provider said it used or, where it never said, an
estimate that is flagged. What an earlier holder left unsettled is this one's to settle; what
this one can't (its job was taken away and goes on elsewhere) is the next one's.

Records go to the store as fields beside the next frame, so that stream and record agree.
"""

import time
from typing import Any

import msgspec

from broker.dialects.dialect import Transcript
from broker.dialects.registry import DIALECTS
from broker.dialects.usage import add
from broker.frames import ATTACHED, ATTEMPT, Frame, Kind, data_frame
from broker.model import Attempt, Failure, Job, JobState
from broker.routing import Run
from broker.store.record import CALLING_TOLD, attempt_field, cursor_field
from workers.pen import Field
from workers.providers.base import Reply

# What a provider says of a call goes into its record, again with each look at it: an id is some
# dozens of characters, and what was counted some hundreds.
_LONGEST_ID, _LARGEST_USAGE = 1024, 16 * 1024  # characters, bytes
_UNSETTLED = ("lost", "cancelled", "handed_over")  # ends at which a provider says nothing


class Ledger:
    """``attempt`` is the one in progress, if any; ``reply`` what its provider said so far."""

    def __init__(self, job: Job) -> None:
        self.attempt: Attempt | None = None
        self.reply = Reply()
        self.told = False  # whether an attempt of this claim was recorded
        self._dialect = DIALECTS.get(job.dialect)  # None: a newer release's; nothing runs it here
        self._spent = job.spent
        self._cursor = job.cursor
        self._before: tuple[str, Failure | None] = ("lost", None)
        self._claims = job.claims
        self._history = list(job.attempts)
        self._ours: list[Attempt] = []  # of the history: those whose end is ours to record
        self._fields: list[Field] = [CALLING_TOLD]  # go with the next frame
        for attempt in self._history:
            if attempt.outcome is None or not attempt.provider:
                attempt.outcome = "lost"
                self._record(attempt)

    @property
    def tried(self) -> list[Attempt]:
        """The attempts that count: those since the last `retry`."""
        return self._history[self._spent :]

    @property
    def count(self) -> int:
        """Attempts in all."""
        return len(self._history)

    def begin(self, step: Run) -> tuple[Frame, list[Field]]:
        """The frame that tells of a new attempt and the fields that record it.

        ``opened`` once they are written: a pen that has ended lets none begin.
        """
        target = step.target
        attempt = Attempt(
            number=len(self._history) + 1,
            provider=target.provider,
            model=target.model,
            started=round(time.time(), 3),
        )
        previous = self._history[-1] if self._history else None
        notice: dict[str, Any] = {
            "number": attempt.number,
            "provider": attempt.provider,
            "model": attempt.model,
        }
        if step.mode != "fresh":
            notice["mode"] = step.mode
        if previous is not None:
            notice["after"] = {
                "outcome": previous.outcome,
                "error": previous.error.type if previous.error else None,
            }
        self._opening = attempt
        frame = data_frame(Kind.NATIVE, msgspec.json.encode(notice), ATTEMPT)
        return frame, [*self.take_fields(), attempt_field(attempt)]

    def opened(self) -> None:
        """The new attempt's frame is on its way to the store."""
        self.attempt = self._opening
        self._history.append(self.attempt)
        self._ours.append(self.attempt)
        self.told = True
        self.reply = Reply()

    def reopen(self, attempt: Attempt) -> tuple[Frame, list[Field]]:
        """The frame that tells that an attempt goes on, and the fields that record it."""
        self._before = attempt.outcome or "lost", attempt.error
        attempt.outcome = attempt.ended = attempt.error = attempt.usage = None
        self.attempt = attempt
        if attempt not in self._ours:
            self._ours.append(attempt)
        self.told = True
        self.reply = Reply(provider_id=attempt.provider_id, first_token=attempt.first_token)
        notice = {
            "number": attempt.number,
            "provider": attempt.provider,
            "model": attempt.model,
        }
        frame = data_frame(Kind.NATIVE, msgspec.json.encode(notice), ATTACHED)
        return frame, [*self.take_fields(), attempt_field(attempt)]

    def end_as_before(self) -> None:
        """An attempt was reopened for nothing: it ended as it had ended."""
        self.end(*self._before)

    def cursor(self, attempt: Attempt) -> int | None:
        """The provider's number of the last event of an attempt that is stored, if it is known."""
        if self._cursor is None or self._cursor[0] != attempt.number:
            return None
        return self._cursor[1]

    def known(self, *, straight: bool = False) -> list[Field]:
        """What is to be recorded beside frames that are delivered now.

        The provider's id for the attempt in progress, once it is known, and its cursor, if
        frames are stored ``straight`` as they came: whoever takes over from a worker that
        died has no other way to learn of them.
        """
        attempt, reply = self.attempt, self.reply
        if attempt is None:
            return []
        fields = []
        if attempt.provider_id is None and (name := _id(reply.provider_id)) is not None:
            attempt.provider_id = name
            fields.append(attempt_field(attempt))
        if straight and reply.cursor is not None:
            self._cursor = (attempt.number, reply.cursor)
            fields.append(cursor_field(*self._cursor))
        return fields

    def end(self, outcome: str, failure: Failure | None = None) -> None:
        """Note how the attempt in progress ended; the next frame carries it to the store."""
        attempt = self.attempt
        if attempt is None:
            return
        self.attempt = None
        attempt.ended = round(time.time(), 3)
        attempt.outcome = outcome
        attempt.error = failure
        attempt.usage = _usage(self.reply.usage)
        attempt.provider_id = _id(self.reply.provider_id)
        attempt.lost = self.reply.lost
        took = self.reply.first_token
        attempt.first_token = None if took is None else round(took, 6)
        self._fields.append(attempt_field(attempt))

    @property
    def unmeasured(self) -> bool:
        """Whether the last attempt has ended without its provider's word on what it used."""
        last = self.last
        return last is not None and last.outcome is not None and last.usage is None

    def settle(self, prompt: int | None, transcript: Transcript) -> None:
        """Give the last attempt its usage: what the stream says, or else an estimate.

        ``prompt`` is what its prompt is estimated at, in tokens; None if the request is gone.
        """
        attempt, dialect = self.last, self._dialect
        if attempt is None or dialect is None or not self.unmeasured:
            return
        delivered, events = transcript.length - transcript.before, self.reply.events
        if delivered or events or attempt.outcome in _UNSETTLED:
            said = self.reply.said or transcript.said
            counted = _usage(transcript.usage)
            attempt.usage = counted or dialect.estimate(prompt, delivered, events, said)
            self._fields.append(attempt_field(attempt))

    @property
    def last(self) -> Attempt | None:
        """The last attempt that told of itself: one that didn't has written nothing."""
        return next((each for each in reversed(self._history) if each.provider), None)

    def usage(self) -> dict[str, Any] | None:
        """What all attempts cost, as far as it is known or was estimated."""
        return add(*(attempt.usage for attempt in self.tried))

    def tells(self, usage: dict[str, Any]) -> bool:
        """Whether the record of a job's one attempt says its usage already."""
        return [attempt.usage for attempt in self.tried] == [usage]

    def take_fields(self) -> list[Field]:
        """What the record has not been told yet."""
        fields, self._fields = self._fields, []
        return fields

    def leave(self) -> list[Field]:
        """The job goes on elsewhere, handed over by us: what the record is to say of it."""
        self.end("handed_over")
        return self.take_fields()

    def lose(self) -> None:
        """What was written since the store's last word is lost: it is to be told all again."""
        self._fields = [CALLING_TOLD]
        self._fields += [attempt_field(each) for each in self._ours if each is not self.attempt]

    def late(self) -> list[Field]:
        """After the terminal: what was settled since, and what all attempts cost with it."""
        fields, usage = self.take_fields(), self.usage()
        if fields and usage:
            fields.append(("usage", msgspec.json.encode(usage)))
        return fields

    def closing(self, job: Job) -> list[Field]:
        """For a job that was taken from us and has ended: what its record does not know yet of us.

        Of attempts whose ends it doesn't know nothing of the end is in the stream: they are
        ``lost``, unless the job was cancelled with them.
        """
        known = {each.number: each for each in job.attempts if each.outcome and each.provider}
        mine = [*self._ours, *([self.last] if self.last is not None else ())]
        ours = {each.number: each for each in mine if _is_news(each, known.get(each.number))}
        if job.state is not JobState.CANCELLED:
            for number in ours.keys() - known.keys():
                ours[number].outcome = "lost"  # whatever its provider said
        fields = [*map(attempt_field, ours.values())]
        if self.is_last(job):  # else the mark is a later claim's
            fields.append(CALLING_TOLD)
        known |= ours
        usage = add(*(known[number].usage for number in sorted(known) if number > self._spent))
        if ours and usage:
            fields.append(("usage", msgspec.json.encode(usage)))
        return fields

    def owes(self, job: Job) -> bool:
        """Whether an attempt was made of which the record of a job that goes on knows nothing.

        Its next holder can't settle that: we must, when the job has ended.
        """
        known = {each.number for each in job.attempts if each.provider}
        return any(each.number not in known and each.provider for each in self._ours)

    def is_last(self, job: Job) -> bool:
        """Whether nobody has claimed the job after us."""
        return job.claims == self._claims

    def _record(self, attempt: Attempt) -> None:
        self._ours.append(attempt)
        self._fields.append(attempt_field(attempt))


def _id(name: str | None) -> str | None:
    """A provider's id of a call; None if it is none that could be asked for again."""
    return name if name is not None and len(name) <= _LONGEST_ID else None


def _usage(counts: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a provider counted; None, so that it is estimated, if it is far too much for that."""
    if counts is None or len(msgspec.json.encode(counts)) > _LARGEST_USAGE:
        return None
    return counts


def _is_news(attempt: Attempt, known: Attempt | None) -> bool:
    """Whether a record with no such attempt, or that one, lacks how it ended or what it cost."""
    return known is None or bool(attempt.usage and not known.usage)

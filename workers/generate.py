"""``generate``: one job, from its claim to its terminal.

    claim ─▶ settle what a lost holder left ─▶ next_step ─▶ attempt ─▶ frames ─▶ terminal
                                                  ▲            │
                                                  └── failure ─┘

An attempt begins with a native frame that also records it, so that the provider is never
called without the store being told first in the same order. What the routing decides is in
``broker.routing.next_step``; this module only carries it out.

Endings: a whole answer → ``completed``; ``End`` from the routing → ``failed``; the job taken
away (cancelled, rescued, drained) → the task is cancelled, which closes the upstream
connection, and nothing more is written under this token.
"""

import asyncio
import time
from contextlib import aclosing
from typing import Any

import msgspec

from broker import log
from broker.errors import StreamholdError, UnknownModel
from broker.frames import Frame, Kind, data_frame
from broker.model import Attempt, Failure, JobState, Terminal
from broker.routing import LOST, LOST_MID_STREAM, End, Run, Target, next_step, targets_for
from broker.settings import Settings
from broker.store import Store
from broker.store.queue import Claim
from broker.store.record import attempt_field
from workers.hold import Hold
from workers.providers import Providers
from workers.providers.base import Call, ProviderFailure, Reply
from workers.writer import Fenced, Field, FramesLost, Pen

_BODY_LOST = Failure(
    type="internal_error", message="The request's body is no longer in the store.", status=500
)
_FRAMES_LOST = Failure(
    type="frames_lost",
    message="The store lost frames of this stream that could not be sent again.",
    status=502,
    retryable=True,
)
_DEFECT = Failure(
    type="internal_error", message="The worker failed in a way it should not.", status=500
)


class Generation:
    """The run of one claimed job. ``attempt`` is the one in progress, if any."""

    def __init__(self, claim: Claim, pen: Pen, settings: Settings, providers: Providers) -> None:
        self.claim = claim
        self.attempt: Attempt | None = None
        self._job = claim.job
        self._pen = pen
        self._settings = settings
        self._providers = providers
        self._history = list(claim.job.attempts)
        self._ours: list[Attempt] = []  # of the history: those whose end is ours to record
        self._delivered = claim.job.delivered
        self._fields: list[Field] = []  # go with the next frame
        self._reply = Reply()

    async def run(self) -> None:
        """Run to the terminal and return when it is stored.

        Raises:
            Fenced, FramesLost: the stream stopped being ours.
        """
        self._settle_lost()
        failure = await self._answer()
        if failure is None:
            self._finish(Terminal(JobState.COMPLETED, usage=self._usage()))
        else:
            self._finish(Terminal(JobState.FAILED, usage=self._usage(), error=failure))
        await self._pen.settled()

    async def fail(self, failure: Failure) -> None:
        """Write a failed terminal, whatever was going on, and return when it is stored."""
        self._end_attempt("failed", failure)
        self._finish(Terminal(JobState.FAILED, usage=self._usage(), error=failure))
        await self._pen.settled()

    async def _answer(self) -> Failure | None:
        """Try targets until one answered whole (None) or the routing says how it ended."""
        if self.claim.body is None:
            return _BODY_LOST
        request = msgspec.json.decode(self.claim.body)
        try:
            targets = targets_for(self._settings, self._job.model)
        except UnknownModel as error:  # it was configured when the job was accepted
            return Failure(
                type="invalid_request_error", code=error.code, message=error.message, status=404
            )
        limits = self._settings.worker
        if self._job.losses >= limits.attempts:  # it kills its workers
            return LOST_MID_STREAM if self._delivered else LOST
        while True:
            step = next_step(
                targets,
                self._history[self._job.spent :],
                delivered=self._delivered,
                allowed=limits.attempts,
                backoff=limits.backoff,
            )
            if isinstance(step, End):
                return step.failure
            await asyncio.sleep(step.delay)
            try:
                await self._try(step, request)
            except ProviderFailure as error:
                self._end_attempt("failed", error.failure)
                log.info(
                    "attempt.failed",
                    request_id=self._job.request_id,
                    provider=step.target.provider,
                    type=error.failure.type,
                    provider_status=error.failure.provider_status,
                )
            else:
                self._end_attempt("completed", None)
                return None

    async def _try(self, step: Run, request: dict[str, Any]) -> None:
        """One attempt. Raises ProviderFailure for any end but a whole answer."""
        self._begin_attempt(step.target)
        call = Call(request_id=self._job.request_id, model=step.target.model, request=request)
        pen, most, reply = self._pen, self._settings.worker.max_pending, self._reply
        provider = self._providers.get(step.target.provider)
        # aclosing: however this ends, the upstream connection is closed here and now.
        async with aclosing(provider.stream(call, reply)) as stream:
            async for frames in stream:
                if self._delivered:
                    pen.write(frames)
                elif frames:
                    self._delivered = True
                    pen.write(frames, [("delivered", b"1")])
                if pen.pending > most:
                    await pen.settled(most // 2)

    def _settle_lost(self) -> None:
        """Attempts without an outcome were their holder's when it was lost."""
        for attempt in self._history:
            if attempt.outcome is None:
                attempt.outcome = "lost"
                self._ours.append(attempt)
                self._fields.append(attempt_field(attempt))

    def _begin_attempt(self, target: Target) -> None:
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
        if previous is not None:
            notice["after"] = {
                "outcome": previous.outcome,
                "error": previous.error.type if previous.error else None,
            }
        frame = data_frame(Kind.NATIVE, msgspec.json.encode(notice), b"attempt")
        self._pen.write([frame], [*self._take_fields(), attempt_field(attempt)])
        self._history.append(attempt)  # only now: a pen that has ended lets none begin
        self._ours.append(attempt)
        self.attempt = attempt
        self._reply = Reply()

    def _end_attempt(self, outcome: str, failure: Failure | None) -> None:
        """Note how the attempt in progress ended; the next frame carries it to the store."""
        attempt = self.attempt
        if attempt is None:
            return
        self.attempt = None
        attempt.ended = round(time.time(), 3)
        attempt.outcome = outcome
        attempt.error = failure
        attempt.usage = self._reply.usage
        attempt.provider_id = self._reply.provider_id
        attempt.first_token = self._reply.first_token
        self._fields.append(attempt_field(attempt))

    def _finish(self, terminal: Terminal) -> None:
        fields = self._take_fields()
        if terminal.usage is not None:
            fields.append(("usage", msgspec.json.encode(terminal.usage)))
        if terminal.error is not None:
            fields.append(("error", msgspec.json.encode(terminal.error)))
        frame = Frame(Kind.TERMINAL, msgspec.json.encode(terminal))
        self._pen.write([frame], fields, terminal.state)
        log.info(
            "job.ended",
            request_id=self._job.request_id,
            state=terminal.state.value,
            attempts=len(self._history),
            type=terminal.error.type if terminal.error else None,
        )

    def _take_fields(self) -> list[Field]:
        fields, self._fields = self._fields, []
        return fields

    def _usage(self) -> dict[str, Any] | None:
        """The usage of the attempt that delivered; attempts before it are in the record."""
        return self._history[-1].usage if self._history else None

    async def abandon(self, store: Store) -> None:
        """The job was taken from us: record how our attempts ended, if the job is final.

        A job that goes on elsewhere is settled by its next holder instead, so that only an
        attempt without an outcome in the record is still ours to settle.
        """
        self._end_attempt("cancelled", None)
        if not self._ours:
            return
        try:
            job = await store.jobs.get(self._job.key)
            settled = {attempt.number for attempt in job.attempts if attempt.outcome}
            for attempt in self._ours:
                if job.state.final and attempt.number not in settled:
                    await store.jobs.settle(job.key, attempt)
        except StreamholdError as error:
            log.warning("attempt.unsettled", request_id=self._job.request_id, reason=error.code)

    def rewrite(self, pen: Pen) -> None:
        """Go on with another pen: the store lost what the first one wrote, fields included."""
        self._pen = pen
        self._fields = [attempt_field(each) for each in self._ours if each is not self.attempt]


async def generate(ctx: dict[str, Any], key: str) -> None:
    """arq's function for an inference: run the job that ``ctx["hold"]`` holds."""
    hold: Hold = ctx["hold"]
    generation = Generation(hold.claim, hold.pen, ctx["settings"], ctx["providers"])
    rid = hold.claim.job.request_id
    try:
        try:
            await generation.run()
        except FramesLost as error:
            log.warning("job.frames_lost", request_id=rid, last=error.last)
            generation.rewrite(hold.renew_pen(error.last))
            await generation.fail(_FRAMES_LOST)
        except (Fenced, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001 - a job's boundary: its stream must still end
            log.exception("job.defect", request_id=rid)
            await generation.fail(_DEFECT)
    except (Fenced, asyncio.CancelledError):
        log.info("job.taken", request_id=rid)
        await asyncio.shield(generation.abandon(ctx["store"]))
        raise

"""``generate``: one job, from its claim to its terminal.

    claim ─▶ settle what a lost holder left ─▶ next_step ─▶ attempt ─▶ frames ─▶ terminal
                                                  ▲            │
                                                  └── failure ─┘

An attempt begins with a native frame that also records it, so that the provider is never
called without the store being told first in the same order. What the routing decides is in
``broker.routing``: ``next_step`` before the first delivered frame, ``after_loss`` after it;
this module only carries it out.

Endings: a whole answer → ``completed``; ``End`` from the routing → ``failed``; the job taken
away (cancelled, rescued, drained) → the task is cancelled, which closes the upstream
connection, and nothing more is written under this token.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from broker import log
from broker.dialects.chat import Transcript
from broker.dialects.chat.usage import add, estimate
from broker.errors import JobGone, JobNotFound, StoreAway, StreamholdError, UnknownModel
from broker.frames import Frame, Kind, data_frame
from broker.model import Attempt, Failure, JobState, Terminal
from broker.routing import (
    LOST,
    LOST_MID_STREAM,
    End,
    Policy,
    Run,
    Standing,
    after_loss,
    next_step,
    policy_for,
)
from broker.settings import Settings
from broker.store import Store
from broker.store.queue import Claim
from broker.store.record import attempt_field
from workers.hold import Hold
from workers.joining import Joining, ToolCalls, read_back
from workers.providers import Providers
from workers.providers.base import Call, ProviderFailure, Reply
from workers.writer import Fenced, Field, FramesLost, Pen

_AWAY = 0.1  # seconds before a store that is away is asked again
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
_DEADLINE = Failure(
    type="deadline_exceeded",
    message="The job was not answered before its deadline.",
    status=504,
    remedy="final",
    retryable=True,
)


class Generation:
    """The run of one claimed job. ``attempt`` is the one in progress, if any."""

    def __init__(
        self, claim: Claim, pen: Pen, settings: Settings, providers: Providers, store: Store
    ) -> None:
        self.claim = claim
        self.attempt: Attempt | None = None
        self._job = claim.job
        self._pen = pen
        self._settings = settings
        self._providers = providers
        self._store = store
        self._history = list(claim.job.attempts)
        self._ours: list[Attempt] = []  # of the history: those whose end is ours to record
        self._delivered = claim.job.delivered
        self._fields: list[Field] = []  # go with the next frame
        self._request: dict[str, Any] = {}
        self._reply = Reply()

    async def run(self) -> None:
        """Run to the terminal and return when it is stored.

        Raises:
            Fenced, FramesLost: the stream stopped being ours.
        """
        self._settle_lost()
        failure = await self._answer_in_time()
        if failure is None:
            self._finish(Terminal(JobState.COMPLETED, usage=self._usage()))
        else:
            self._finish(Terminal(JobState.FAILED, usage=self._usage(), error=failure))
        await self._pen.settled()

    async def fail(self, failure: Failure) -> None:
        """Write a failed terminal, whatever was going on, and return when it is stored."""
        self._end_attempt("failed", failure)
        self._estimate(Transcript())
        self._finish(Terminal(JobState.FAILED, usage=self._usage(), error=failure))
        await self._pen.settled()

    async def _answer_in_time(self) -> Failure | None:
        """``_answer``, cut off at the route's deadline, which counts from the job's creation."""
        try:
            policy = policy_for(self._settings, self._job.model)
        except UnknownModel as error:  # it was configured when the job was accepted
            return Failure(
                type="invalid_request_error", code=error.code, message=error.message, status=404
            )
        if policy.deadline is None:
            return await self._answer(policy)
        left = self._job.created_ms / 1000 + policy.deadline - time.time()
        limit = asyncio.timeout(left)
        try:
            async with limit:
                return await self._answer(policy)
        except TimeoutError:
            if not limit.expired():
                raise
            self._end_attempt("failed", _DEADLINE)
            whole = (await self._read_back()).complete(self._choices)
            return None if whole else _DEADLINE

    async def _answer(self, policy: Policy) -> Failure | None:
        """Try targets until one answered whole (None) or the routing says how it ended."""
        if self.claim.body is None:
            return _BODY_LOST
        self._request = msgspec.json.decode(self.claim.body)
        while True:
            transcript = await self._read_back()
            if transcript.complete(self._choices):
                return None  # lost between its last word and its terminal
            step = self._next(policy, transcript)
            if isinstance(step, End):
                return step.failure
            joining: Joining | None = None
            if self._delivered:
                prefill = self._settings.prefill_for(self._job.model, *step.target)
                joining = Joining(transcript, step.mode, prefill, self._usage())
            await asyncio.sleep(step.delay)
            try:
                await self._try(policy, step, joining)
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

    def _next(self, policy: Policy, transcript: Transcript) -> Run | End:
        if self._job.losses >= policy.allowed:  # it kills its workers
            return End(LOST_MID_STREAM if self._delivered else LOST)
        if not self._delivered:
            return next_step(policy, self._tried)
        prefillable = transcript.prefillable and self._choices == 1
        return after_loss(policy, self._tried, Standing(transcript.silent, prefillable))

    @property
    def _choices(self) -> int:
        return self._request.get("n") or 1

    @property
    def _tried(self) -> list[Attempt]:
        """The attempts that count: those since the last `retry`."""
        return self._history[self._job.spent :]

    async def _read_back(self) -> Transcript:
        """Where the begun answer stands, from its own stream; settles what was lost with it."""
        transcript = Transcript()
        while self._delivered:
            await self._pen.settled()
            try:
                frames, templates = await read_back(self._store, self._job.key)
            except StoreAway:  # it comes back, or the lease is lost and with it this task
                await asyncio.sleep(_AWAY)
            except (JobGone, JobNotFound) as error:  # deleted from under us
                raise Fenced() from error
            else:
                self._pen.adopt(templates)
                transcript = Transcript.of(frames)
                break
        self._estimate(transcript)
        return transcript

    def _estimate(self, transcript: Transcript) -> None:
        """Settle what the last attempt cost: what its provider said, or else an estimate."""
        attempt = self._history[-1] if self._history else None
        if attempt is None or attempt.usage is not None or not self._request:
            return
        delivered, events = transcript.length - transcript.before, self._reply.events
        if delivered or events or attempt.outcome in ("lost", "cancelled"):
            attempt.usage = transcript.usage or estimate(self._request, delivered, events)
            self._fields.append(attempt_field(attempt))

    async def _try(self, policy: Policy, step: Run, joining: Joining | None) -> None:
        """One attempt. Raises ProviderFailure for any end but a whole answer."""
        self._begin_attempt(step)
        asked = joining.request(self._request) if joining else self._request
        call = Call(
            request_id=self._job.request_id,
            model=step.target.model,
            request=asked,
            timeouts=self._settings.timeouts_for(self._job.model, *step.target),
        )
        pen, most = self._pen, self._settings.worker.max_pending
        provider = self._providers.get(step.target.provider)
        holding = ToolCalls() if policy.hold_tool_calls else None
        # aclosing: however this ends, the upstream connection is closed here and now.
        async with aclosing(provider.stream(call, self._reply)) as stream:
            async for received in stream:
                frames: Sequence[Frame] = received
                if joining is not None:
                    frames = joining.join(frames)
                if holding is not None:
                    frames = holding.pass_on(frames)
                self._deliver(frames)
                if pen.pending > most:
                    await pen.settled(most // 2)
        if joining is not None:
            joining.end()
        if holding is not None:
            self._deliver(holding.release())

    def _deliver(self, frames: Sequence[Frame]) -> None:
        if self._delivered:
            if frames:
                self._pen.write(frames)
        elif frames:
            self._delivered = True
            self._pen.write(frames, [("delivered", b"1")])

    def _settle_lost(self) -> None:
        """Attempts without an outcome were their holder's when it was lost."""
        for attempt in self._history:
            if attempt.outcome is None:
                attempt.outcome = "lost"
                self._ours.append(attempt)
                self._fields.append(attempt_field(attempt))

    def _begin_attempt(self, step: Run) -> None:
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
        """What all attempts cost, as far as it is known or was estimated."""
        return add(*(attempt.usage for attempt in self._tried))

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
            if job.state.final:
                frames = (await read_back(store, job.key))[0] if self._delivered else []
                self._estimate(Transcript.of(frames))
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
    store: Store = ctx["store"]
    generation = Generation(hold.claim, hold.pen, ctx["settings"], ctx["providers"], store)
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
        await asyncio.shield(generation.abandon(store))
        raise

"""``generate``: one job, from its claim to its terminal.

    claim ─▶ settle what a lost holder left ─▶ choose ─▶ attempt ─▶ frames ─▶ terminal
                                                 ▲          │
                                                 └─ failure ┘

What the routing decides is in ``broker.routing``: ``next_step`` before the first delivered
frame, ``after_loss`` after it; this module only carries it out, and ``calling`` makes the calls.
A lost call that its provider goes on with comes before all that: it is attached to.

A job that has lost too many workers is taken to be what kills them. It is ended before its request
is decoded or its stream read: see ``_give_up``.

Endings: a whole answer → ``completed``; ``End`` from the routing → ``failed``, and so ``Shut``,
unless it is a batch job, which is parked and queued again later (``parking``); the job taken
away (cancelled, rescued, drained) → the task is cancelled, which closes the upstream
connection, and nothing more is written under this token.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from broker import log
from broker.cursor import count_of
from broker.dialects.dialect import Transcript
from broker.dialects.registry import DIALECTS
from broker.dialects.responses.dialect import RESPONSES
from broker.errors import (
    BadRequest,
    JobGone,
    JobNotFound,
    StoreAway,
    UnknownModel,
)
from broker.frames import Frame, Kind
from broker.model import CIRCUIT_OPEN, Failure, JobState, Terminal
from broker.routing import (
    LOST,
    LOST_MID_STREAM,
    End,
    Policy,
    Run,
    Shut,
    Standing,
    Target,
    after_loss,
    next_step,
    policy_for,
)
from broker.settings import Settings
from broker.store import Store
from broker.store.leases import DEADLINE
from broker.store.record import AGAIN
from broker.store.refusals import damaged
from broker.store.streams import FRAMES_LOST as _FRAMES_LOST
from workers.attaching import Severed, Stand
from workers.breakers import BreakerView, Passage
from workers.calling import Caller
from workers.closing import Closing
from workers.declining import Unknown, decline, may_decline
from workers.following import UNKNOWN, find_previous, keep_items, preferring, response_id_of
from workers.hold import Hold
from workers.parking import Parked, check_parking, park
from workers.pen import Fenced, FramesLost
from workers.providers import Providers
from workers.read_backs import Found, ReadBacks

_AWAY = 0.1  # seconds before a store that is away is asked again
_BODY_LOST = Failure(
    type="internal_error", message="The request's body is no longer in the store.", status=500
)
_DEFECT = Failure(
    type="internal_error", message="The worker failed in a way it should not.", status=500
)


class Generation:
    """The run of one claimed job."""

    def __init__(
        self,
        hold: Hold,
        settings: Settings,
        providers: Providers,
        breakers: BreakerView,
        store: Store,
        read_backs: ReadBacks,
    ) -> None:
        self._hold = hold
        self._claim = hold.claim
        self._job = hold.claim.job
        self._dialect = DIALECTS[self._job.dialect]
        self._ledger = hold.ledger
        self._settings = settings
        self._breakers = breakers
        self._store = store
        self._read_backs = read_backs
        self._caller = Caller(hold, settings, providers, breakers)
        self.closing = Closing(hold, self._caller, store, read_backs)

    async def run(self) -> None:
        """Run to the terminal and return when it is stored.

        Raises:
            Fenced, FramesLost: the stream stopped being ours.
        """
        if self._job.losses >= self._settings.worker.losses:
            await self._give_up()
            return
        failure = await self._answer_in_time()
        state = JobState.COMPLETED if failure is None else JobState.FAILED
        parting = self._parting(failure)
        self._caller.deliver(parting)
        usage, closing = self._ledger.usage(), self._ledger.reply.closing
        self._finish(
            Terminal(
                state,
                usage=usage,
                error=failure,
                told=bool(parting),
                closing=closing if failure is None else None,
            )
        )
        await self._hold.pen.settled()
        if failure is None and self._job.keep and self._ledger.reply.ending is not None:
            await keep_items(self._store, self._job, self._ledger.reply.ending)

    def _parting(self, failure: Failure | None) -> Sequence[Frame]:
        """The provider's own word on the failure that ends a begun answer, where it had one."""
        parting, tried = self._ledger.reply.parting, self._ledger.tried
        if parting is None or failure is None or not self._caller.delivered or not tried:
            return ()
        return (parting,) if tried[-1].error == failure else ()

    async def fail(self, failure: Failure) -> None:
        """Write a failed terminal, whatever was going on, and return when it is stored."""
        self._close(failure)
        self._finish(Terminal(JobState.FAILED, usage=self._ledger.usage(), error=failure))
        await self._hold.pen.settled()

    def _close(self, failure: Failure) -> None:
        """Close the attempt in progress: the job fails, whatever was going on."""
        self._caller.stop()
        self._ledger.end("failed", failure)
        self.closing.settle(self._dialect.transcript())

    async def _give_up(self) -> None:
        """End a job that has lost too many workers, without touching what may have killed them.

        What its last attempt cost is estimated once the job has ended, if the stream must be read
        for it: should that be what kills, it does so no more often than it is tried, which is once.
        """
        delivered = self._caller.delivered
        self._caller.stop()
        if not delivered:
            self.closing.settle(self._dialect.transcript())
        failure = LOST_MID_STREAM if delivered else LOST
        self._finish(Terminal(JobState.FAILED, usage=self._ledger.usage(), error=failure))
        await self._hold.pen.settled()
        if delivered and self._ledger.unmeasured:
            await self.closing.late()

    async def _answer_in_time(self) -> Failure | None:
        """``_answer``, cut off at the job's deadline, which is of the store's clock."""
        if self._job.deadline_ms is None:
            return await self._answer()
        limit = asyncio.timeout((self._job.deadline_ms - self._claim.now_ms) / 1000)
        try:
            async with limit:
                return await self._answer()
        except TimeoutError:
            if not limit.expired():
                raise
            self._caller.stop()
            self._ledger.end("failed", DEADLINE)
            transcript = (await self._read_back()).transcript
            self.closing.settle(transcript)
            return None if transcript.complete(self._choices) else DEADLINE

    async def _answer(self) -> Failure | None:
        """Try targets until one answered whole (None) or the routing says how it ended."""
        outline = self._job.outline
        if outline is not None:  # whoever calls has the rest prepared
            self._caller.request = outline.request
        elif self._claim.body is not None:
            self._caller.request = msgspec.json.decode(self._claim.body)
        else:
            return _BODY_LOST
        try:
            policy = policy_for(self._settings, self._job.routed, self._job.options)
        except (BadRequest, UnknownModel) as error:  # it was configured when the job was accepted
            if may_decline(self._claim, self._settings):
                raise Unknown from error
            return Failure(
                type="invalid_request_error", code=error.code, message=error.message, status=404
            )
        if self._dialect is RESPONSES:
            self._caller.response_id = await response_id_of(self._store, self._job.key)
        name = self._dialect.follows(self._caller.request)
        if name is not None:
            previous = await find_previous(self._store, self._job.account, name)
            if previous is None:
                return UNKNOWN
            self._caller.previous = previous
            policy = preferring(policy, previous)
        return await self._try_targets(policy)

    async def _try_targets(self, policy: Policy) -> Failure | None:
        while True:
            found = await self._read_back()
            transcript = found.transcript
            severed = None
            if found.last or self._ledger.count:  # nearly always nothing is left from before
                whole = transcript.complete(self._choices)  # lost before its terminal
                severed = None if whole else self._caller.severed(found.stand)
                if severed is None:
                    self.closing.settle(transcript)
                    if whole:
                        return None
                    self._caller.stop()
            if severed is not None:
                before = await self._before(severed)
                failure = await self._caller.attach(severed, before, policy)
            else:
                step, passage = await self._choose(policy, transcript)
                if passage is None:
                    assert isinstance(step, End)
                    return step.failure
                assert isinstance(step, Run)
                failure = await self._caller.call(step, passage, policy, transcript)
            if failure is None:
                if self._ledger.unmeasured:
                    self.closing.settle((await self._read_back()).transcript)
                return None
            await self._breakers.told()  # whatever comes next, here or elsewhere, is to heed it

    async def _choose(
        self, policy: Policy, transcript: Transcript
    ) -> tuple[Run | End, Passage | None]:
        """The next step and, for an attempt, the leave of its target's breaker.

        Raises:
            Parked: it has to wait for a breaker, and may.
        """
        shut = self._breakers.shut(policy.targets)
        while True:
            step = self._next(policy, transcript, shut)
            if isinstance(step, End):
                return step, None
            if isinstance(step, Shut):
                if step.failure.type == CIRCUIT_OPEN and not self._caller.delivered:
                    gone = await self._breakers.gone(policy.targets)
                    if gone is not None:  # to wait for it helps nobody
                        return End(gone), None
                check_parking(self._claim, self._settings, step)
                return End(step.failure), None
            # Else not even a turn of the loop; a deadline that has passed needs one to be met.
            if step.delay or self._job.deadline_ms is not None:
                await asyncio.sleep(step.delay)
            passage = await self._breakers.admit(step.target)
            if passage is not None:
                return step, passage
            # Another call is its trial, or it was shut during our delay.
            shut[step.target] = self._breakers.shut([step.target]).get(step.target, 0.0)

    def _next(
        self, policy: Policy, transcript: Transcript, shut: Mapping[Target, float]
    ) -> Run | End | Shut:
        tried = self._ledger.tried
        if not self._caller.delivered:
            return next_step(policy, tried, shut)
        prefillable = transcript.prefillable and self._choices == 1
        return after_loss(policy, tried, Standing(transcript.silent, prefillable), shut)

    @property
    def _choices(self) -> int:
        return self._dialect.choices(self._caller.request)

    async def _before(self, severed: Severed) -> Transcript | None:
        """What other attempts had delivered before a lost call; None if that is nothing."""
        if not severed.begun:
            return None
        return (await self._read_back(severed.place)).transcript

    async def _read_back(self, until: int | None = None) -> Found:
        """Where the begun answer stands, or stood after so many frames; nowhere without one."""
        pen, job = self._hold.pen, self._job
        while self._caller.delivered:
            await pen.settled()
            try:
                length = count_of(pen.last, job.breaks)
                found = await self._read_backs.read(job.key, self._dialect, length, until)
            except StoreAway as error:  # it comes back, or the lease is lost and with it this task
                if damaged(error):
                    raise
                await asyncio.sleep(_AWAY)
            except JobGone as error:  # deleted from under us
                raise Fenced() from error
            except JobNotFound as error:  # lost: it is made again when this is sent
                self._hold.pen.send_again()
                if not self._hold.pen.dirty:
                    raise Fenced() from error
            else:
                if found.last < pen.last and (until is None or found.stand.count < until):
                    pen.send_again()  # the store's host crashed and lost its end
                    if not pen.dirty:
                        raise FramesLost(found.last)
                    continue
                pen.adopt(found.templates)
                return found
        return Found(self._dialect.transcript(), Stand(), {}, 0)

    def _finish(self, terminal: Terminal) -> None:
        fields = self._ledger.take_fields()
        if terminal.usage is not None and not self._ledger.tells(terminal.usage):
            fields.append(("usage", msgspec.json.encode(terminal.usage)))
        if terminal.error is not None:
            fields.append(("error", msgspec.json.encode(terminal.error)))
            if terminal.error.type == CIRCUIT_OPEN:
                fields.append(AGAIN)
            parting = self._dialect.parting(self._job.created_ms)
            terminal = msgspec.structs.replace(terminal, closing=parting)
        frame = Frame(Kind.TERMINAL, msgspec.json.encode(terminal))
        self._hold.pen.write([frame], fields, terminal.state)
        self._log_end(terminal.state, terminal.error)

    def _log_end(self, state: JobState, failure: Failure | None) -> None:
        log.info(
            "job.ended",
            request_id=self._job.request_id,
            state=state.value,
            attempts=self._ledger.count,
            type=failure.type if failure else None,
        )

    async def lose(self) -> None:
        """End a job whose frames the store lost, fields included, and we can't send again.

        By a script of its own: the next number may have been used.

        Raises:
            Fenced: the job was not ours any more.
        """
        self._ledger.lose()
        self._close(_FRAMES_LOST)
        fields, usage = self._ledger.take_fields(), self._ledger.usage()
        if usage is not None:
            fields.append(("usage", msgspec.json.encode(usage)))
        job = self._job
        while True:
            try:
                ours = await self._store.jobs.lose(
                    job.key, self._claim.token, _FRAMES_LOST, usage, fields
                )
            except StoreAway:  # what becomes of the lease meanwhile, the renewer tells
                await asyncio.sleep(_AWAY)
            else:
                break
        if not ours:
            raise Fenced()
        self._log_end(JobState.FAILED, _FRAMES_LOST)


async def generate(ctx: dict[str, Any], key: str) -> None:
    """arq's function for an inference: run the job that ``ctx["hold"]`` holds."""
    hold: Hold = ctx["hold"]
    generation = Generation(
        hold,
        ctx["settings"],
        ctx["providers"],
        ctx["breakers"],
        ctx["store"],
        ctx["read_backs"],
    )
    rid = hold.claim.job.request_id
    try:
        try:
            await generation.run()
        except FramesLost as error:
            log.warning("job.frames_lost", request_id=rid, last=error.last)
            await generation.lose()
        except Parked as error:
            await park(hold, ctx["store"], ctx["holder"], error.wait)
            raise Fenced() from None
        except Unknown:
            await decline(hold, ctx["store"], ctx["holder"])
            raise Fenced() from None
        except (Fenced, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001 - a job's boundary: its stream must still end
            log.exception("job.defect", request_id=rid)
            await generation.fail(_DEFECT)
    except (Fenced, asyncio.CancelledError):
        log.info("job.taken", request_id=rid)
        await asyncio.shield(generation.closing.taken())
        raise

"""Calling: one job's calls to its providers, one at a time, and what they bring delivered.

An attempt begins with a native frame that also records it. The first one of a claim is not
waited for, since the claim itself is on record (see ``broker.store.record``), and is written
behind its request; before any further call the store has acknowledged it. So no provider is ever
called more often than the record says.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from broker import log
from broker.blame import judged
from broker.dialects.dialect import Transcript
from broker.dialects.kept import refusal_of
from broker.dialects.registry import DIALECTS
from broker.dialects.responses.history import without_history
from broker.frames import Frame
from broker.model import Failure
from broker.offload.tasks import Resolve
from broker.routing import Mode, Policy, Run, Target
from broker.settings import Settings
from workers.attaching import Attaching, Severed, Stand
from workers.blaming import asked_of, warn
from workers.breakers import BreakerView, Passage
from workers.following import Previous, resolving
from workers.hold import Hold
from workers.intake import Intake
from workers.joining import Joining, ToolCalls
from workers.pen import Field, Pen
from workers.preparing import Preparing
from workers.providers import Providers, failures
from workers.providers.base import Call, Held, ProviderFailure

_AT_ONCE = 500  # frames that are written in one turn of the loop
_HURRIED = 2  # deliveries that do not linger, of those that say something


class Caller:
    """Calls for the job of one hold.

    ``request`` is what is asked, ``previous`` the response before and ``response_id`` our id of
    this one, in that dialect;
    ``delivered`` whether any of the answer is in the stream.
    """

    def __init__(
        self, hold: Hold, settings: Settings, providers: Providers, breakers: BreakerView
    ) -> None:
        self.request: dict[str, Any] = {}
        self.previous: Previous | None = None
        self.response_id = ""
        self.delivered = hold.claim.job.delivered
        self._hold = hold
        self._job = hold.claim.job
        self._dialect = DIALECTS[self._job.dialect]
        self._ledger = hold.ledger
        self._settings = settings
        self._providers = providers
        self._breakers = breakers
        self._attaching = Attaching()
        self._hurried = 0  # deliveries so far that said something
        self._hurries = False  # whether one that says nothing yet goes out at once too

    async def call(
        self, step: Run, passage: Passage, policy: Policy, transcript: Transcript
    ) -> Failure | None:
        """One attempt; None if the answer is whole."""
        joining = self._joining(step.mode, transcript) if self.delivered else None
        intake = Intake(joining, self._holding(policy))
        resolve = None
        try:
            await self._begin(step)
            self._refuse_foreign(step.target)
            call = self._call(step.target, joining, policy)
            resolve = call.resolve
            await self._stream(step.target, call, passage, intake)
        except ProviderFailure as error:
            failure = self._judged(step.target, resolve, intake.judged(error.failure))
            return self._failed(passage, intake, failure)
        except BaseException:
            passage.given_up()
            raise
        passage.ended(None)
        self._ledger.end("completed")
        return None

    def _refuse_foreign(self, target: Target) -> None:
        """Raise ProviderFailure over what the request names that its provider keeps."""
        provider = self._settings.providers[target.provider]
        own = provider.dialect == self._job.dialect
        if not own or self._settings.takes_foreign_ids(target.provider):
            return
        asked = without_history(self.request) if self._job.dialect == "responses" else self.request
        if (refusal := refusal_of(self._job.dialect, asked)) is not None:
            raise ProviderFailure(failures.refused_here(refusal))

    async def attach(
        self, severed: Severed, before: Transcript | None, policy: Policy
    ) -> Failure | None:
        """Go on with a lost call, which its provider has gone on with; None if it is whole.

        ``before`` is what other attempts had delivered before it, None if that is nothing.
        """
        attempt, target = severed.attempt, severed.target
        await asyncio.sleep(self._attaching.pause(policy.backoff))
        frame, fields = self._ledger.reopen(attempt)
        self._hold.pen.write([frame], fields)
        start = self._hold.pen.last
        joining = self._joining(severed.mode, before) if before is not None else None
        intake, cursor = Intake(joining, self._holding(policy)), self._ledger.cursor(attempt)
        if not intake.straight or cursor is None:
            intake, cursor = Intake(joining, self._holding(policy), severed.stored), None
        held = Held(attempt.provider_id, cursor)
        call = self._call(target, joining, policy, held)
        passage = await self._breakers.admit(target, anyway=True)
        assert passage is not None
        try:
            await self._stream(target, call, passage, intake)
        except ProviderFailure as error:
            if self._hold.pen.last > start or error.failure.type == "provider_stream_error":
                self._attaching.came_on()
                failure = self._judged(target, call.resolve, intake.judged(error.failure))
                return self._failed(passage, intake, failure)
            self._attaching.failed(attempt, error.failure)
            return self._failed(passage, intake, error.failure, again=True)
        except BaseException:
            passage.given_up()
            raise
        passage.ended(None)
        self._ledger.end("completed")
        return None

    def _judged(self, target: Target, resolve: Resolve | None, failure: Failure) -> Failure:
        """A failure with whose fault it is."""
        asked = asked_of(self._settings, self._job, self.request, target, resolve)
        return judged(failure, asked)

    def _failed(
        self, passage: Passage, intake: Intake, failure: Failure, *, again: bool = False
    ) -> Failure:
        """The attempt in progress has met a failure; to attach ``again`` makes it no other end."""
        attempt = self._ledger.attempt
        assert attempt is not None
        passage.ended(failure)
        if not intake.alone:  # the provider's word on it tells of its own part
            self._ledger.reply.parting = None
        if again:
            self._ledger.end_as_before()
        else:
            self._ledger.end("failed", failure)
        log.info(
            "attempt.failed",
            request_id=self._job.request_id,
            provider=attempt.provider,
            type=failure.type,
            provider_status=failure.provider_status,
            fault=failure.fault,
        )
        if failure.fault == "operator":
            warn(self._job, attempt, failure)
        return failure

    def severed(self, stand: Stand) -> Severed | None:
        """The call before, if it was lost and its provider goes on with it."""
        attempt = self._ledger.last
        settings = self._settings.providers.get(attempt.provider) if attempt else None
        if (
            attempt is None
            or settings is None
            or not settings.resumes
            or attempt not in self._ledger.tried
        ):
            return None
        provider = self._providers.get(attempt.provider, self._job.dialect)
        if not provider.knows(Held(attempt.provider_id)):
            return None
        target = (self._job.routed, attempt.provider, attempt.model)
        return self._attaching.severed(attempt, stand, self._settings.timeouts_for(*target).total)

    def stop(self) -> None:
        """Nobody will ask for the last call again: if it goes on without us, it is to end."""
        attempt = self._ledger.last
        if attempt is not None:
            self._providers.stop(self._job, attempt)

    def _joining(self, mode: Mode, transcript: Transcript) -> Joining:
        """How an attempt's frames go on after what others delivered."""
        return Joining(self._dialect, transcript, mode, self._ledger.usage())

    def _holding(self, policy: Policy) -> ToolCalls | None:
        return ToolCalls(self._dialect) if policy.hold_tool_calls else None

    def _call(
        self, target: Target, joining: Joining | None, policy: Policy, held: Held | None = None
    ) -> Call:
        attempt = self._ledger.attempt
        assert attempt is not None
        request, job = self.request, self._job
        resolve = resolving(self._settings, job, request, target, self.previous)
        prepares = resolve is not None or job.outline is not None
        if joining is not None and not prepares:
            request = joining.request(request)
        known = self.previous if resolve is None or not resolve.follows else None
        return Call(
            request_id=self._job.request_id,
            model=target.model,
            request=request,
            timeouts=self._settings.timeouts_for(self._job.routed, *target),
            key=self._job.key,
            response_id=self.response_id,
            attempt=attempt.number,
            held=held,
            previous=known.id if known is not None else None,
            resolve=resolve,
            prepares=prepares,
            drop=policy.drop_tools,
            partial=joining is not None
            and joining.continues
            and self._settings.prefill_for(self._job.routed, *target),
        )

    async def _begin(self, step: Run) -> None:
        first = not self._ledger.told
        frame, fields = self._ledger.begin(step)
        # A provider that resumes is to be found again by whoever takes over: that is told at once.
        # Else it is written behind the request, which is what the caller waits for.
        if first and not self._settings.providers[step.target.provider].resumes:
            self._hold.pen.note(frame, fields)
        else:
            self._hold.pen.write([frame], fields)
        self._ledger.opened()
        if not first:
            await self._hold.pen.settled()

    async def _stream(self, target: Target, call: Call, passage: Passage, intake: Intake) -> None:
        """Deliver what the provider says. Raises ProviderFailure for all but a whole answer."""
        if not call.prepares:
            await self._receive(target, call, passage, intake)
            return
        provider = self._settings.providers[target.provider]
        preparing = Preparing(self._providers.offload, self._hold.claim)
        call = await preparing.prepared(call, target.provider, provider, intake.partial)
        try:
            await self._receive(target, call, passage, intake)
        finally:
            if call.prepared is not None:
                call.prepared.sent()

    async def _receive(self, target: Target, call: Call, passage: Passage, intake: Intake) -> None:
        upstream = self._providers.get(target.provider, self._job.dialect)
        # The first frame tells by which name a call can be found again: see ``_begin``.
        self._hurries = upstream.resumes
        pour = _Pour(self, self._hold.pen, passage, intake)
        # aclosing: however this ends, the upstream connection is closed here and now.
        async with aclosing(upstream.stream(call, self._ledger.reply, pour)) as stream:
            async for received in stream:
                pour.take(received)
                if self._hold.pen.crowded:
                    await self._hold.pen.room()
        rest = intake.end()
        if len(rest) <= _AT_ONCE:
            self.deliver(rest)
        else:  # tool calls that were held
            await self._hold.pen.write_together(rest, self._told(straight=False))

    def deliver(self, frames: Sequence[Frame], *, straight: bool = False) -> None:
        if not frames:
            return
        fields = self._told(straight=straight)
        if not self._hurried and not self._hurries and self._opens(frames):
            self._hold.pen.write(frames, fields, idle=True)
            return
        self._hurried += 1
        self._hold.pen.write(frames, fields, urgent=self._hurried <= _HURRIED)

    def _told(self, *, straight: bool) -> list[Field]:
        """What is recorded beside frames that are delivered now."""
        fields = self._ledger.known(straight=straight)
        if not self.delivered:
            self.delivered = True
            fields.append(("delivered", b"1"))
        return fields

    def _opens(self, frames: Sequence[Frame]) -> bool:
        """Whether they say no more than that the answer begins: the first word is to follow."""
        return all(map(self._dialect.opens, (frame.body for frame in frames)))


class _Pour:
    """One attempt's sink: see ``providers.base.Sink``."""

    __slots__ = ("_caller", "_intake", "_passage", "_pen", "again")

    def __init__(self, caller: Caller, pen: Pen, passage: Passage, intake: Intake) -> None:
        self._caller = caller
        self._pen = pen
        self._passage = passage
        self._intake = intake
        self.again = pen.again  # past all that looks into frames

    def __call__(self, frames: list[Frame]) -> bool:
        if self._pen.crowded:
            return False
        self.take(frames)
        return True

    def take(self, frames: list[Frame]) -> None:
        """Deliver them, whether or not there is room."""
        self._passage.answered()
        self._caller.deliver(self._intake.take(frames), straight=self._intake.straight)

    def alike(self, keys: tuple[bytes, ...]) -> bool:
        """Only what is passed on as it comes. What such a frame tells of the call (the provider's
        id, say) the one before has told."""
        return self._intake.unchanging and self._pen.alike(keys)

"""Joining: a call that comes again without a key attaches to the job of the one that was lost.

Which calls are joinable: ``x-streamhold-join``, else the route's or the account's ``join``, else
what is known of the client (``broker.api.known_retriers``); never one with an ``Idempotency-Key``,
whose job it names itself, nor one that resumes. What the store keeps of them, and how it decides:
``broker.store.joins``. This process says of the readers that it holds what became of them:

    took the whole answer   nobody joins any more (see ``broker.api.taken``)
    anything else           an equal call may: the client left, the stream was cut, the process
                            drains, the call was refused for want of room, or failed halfway
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from broker.api.outlet import transport_of
from broker.api.taken import Taken
from broker.errors import StoreAway
from broker.model import Job
from broker.queue import Submission
from broker.store.joins import BEAT, SETTLING, Ending, Held, Joins, Seen, name_of
from broker.store.keys import Partition
from broker.store.stand_in import Order
from broker.tail import Reader, Tail

_AGAIN = 0.02  # seconds between two questions once the news of a cut has settled; twice as long
_AGAIN_MOST = 0.1  # each time, up to this
_A_LOOK = 0.001  # seconds more for each equal call that the store has to look at
_TURN = 0.005  # seconds in which questions are gathered, and leavings that came with them are seen
_KEEP = 20.0  # seconds after which the store is asked again to keep what is held
_AT_ONCE = 500  # readers in one report
_AWAY = 0.1  # seconds between tries while the store is away
_LAST_WORD = 1.0  # seconds for the last report of a process that ends


class Hold:
    """One reader's hold on the job that it reads."""

    __slots__ = ("joined", "key", "mark", "name", "of", "request_id", "seconds")

    def __init__(self, of: "Joining", name: str, mark: str, seconds: float) -> None:
        self.of: Joining | None = of
        self.name = name
        self.mark = mark
        self.seconds = seconds
        self.key = ""  # of the job; empty while the store has not said which
        self.request_id = ""
        self.joined = False  # whether the job was another call's

    def left(self) -> None:
        """Its reader did not see the end."""
        self._say("left")

    def ended(self) -> None:
        """Its reader did, or there is nothing to be joined."""
        self._say("ended")

    def ends(self, connection: asyncio.Transport | None, more: int) -> None:
        """The end is on its way: all but ``more`` bytes were written."""
        if self.of is not None:
            self.of.watch(self, connection, more)

    def _say(self, ending: Ending) -> None:
        of, self.of = self.of, None
        if of is not None:
            of.say(self, ending)


class Joining:
    """What this process, by this name, holds of joinable calls."""

    def __init__(self, joins: Joins, tail: Tail, holder: str, patience: float) -> None:
        """``patience``: seconds in which a client must have taken the last bytes."""
        self._joins = joins
        self._holder = holder
        self._patience = patience
        self._marks = 0
        self._held: dict[str, Hold] = {}
        self._watches: dict[Hold, Taken] = {}
        self._unsaid: dict[Partition, list[Seen]] = {}
        self._kept_at = 0.0
        self._wake = asyncio.Event()
        tail.hear(joins.channel(holder), self._wake.set)

    async def join(self, submission: Submission, seconds: float) -> Hold:
        """A hold for this call, on the job of a lost equal one or on one of its own.

        Raises:
            StoreAway.
        """
        name = name_of(submission.account, submission.digest, submission.options.targets)
        hold = self._new(name, seconds)
        try:
            await self._find(hold, submission)
        except BaseException:  # it may be entered all the same
            hold.left()
            raise
        return hold

    async def hold(self, job: Job, cursor: int) -> Hold | None:
        """A hold for a reader that goes on with a job by its address; None if it isn't joinable.

        Raises:
            StoreAway.
        """
        seconds = job.options.join
        if not seconds:
            return None
        hold = self._new(name_of(job.account, job.digest, job.options.targets), seconds)
        hold.key = job.key
        try:
            until = asyncio.get_running_loop().time() + SETTLING
            while (held := await self._hold(hold, cursor)) == "read":
                if asyncio.get_running_loop().time() > until:
                    break
                await asyncio.sleep(_AGAIN)  # the news of a cut may still be on its way
        except BaseException:
            hold.left()
            raise
        if held != "held":  # who reads may leave; then what was read here counts
            self._held.pop(hold.mark, None)
            hold.mark = ""
        return hold

    async def _hold(self, hold: Hold, cursor: int) -> Held:
        begun = cursor > 0
        return await self._joins.hold(hold.name, hold.key, self._holder, hold.mark, begun=begun)

    def _new(self, name: str, seconds: float) -> Hold:
        self._marks += 1
        hold = Hold(self, name, f"{self._holder}/{self._marks}", seconds)
        self._held[hold.mark] = hold
        return hold

    async def _find(self, hold: Hold, submission: Submission) -> None:
        own, since, pause = submission.request_id, 0, SETTLING
        while True:
            if self._unsaid:  # who left here is known there first
                await self._report()
            found = await self._joins.join(
                hold.name,
                submission.key,
                own,
                self._holder,
                hold.mark,
                seconds=hold.seconds,
                since=since,
            )
            if not found.waits_since:
                break
            since = found.waits_since
            await asyncio.sleep(max(pause, found.equals * _A_LOOK))
            pause = _AGAIN if pause == SETTLING else min(2 * pause, _AGAIN_MOST)
        hold.request_id, hold.joined = found.request_id, found.joined
        hold.key = msgspec.structs.replace(submission, request_id=found.request_id).key

    def watch(self, hold: Hold, connection: asyncio.Transport | None, more: int) -> None:
        """Report the hold once its client has taken the end, or can't any more."""

        def then(taken: bool) -> None:
            self._watches.pop(hold, None)
            (hold.ended if taken else hold.left)()

        watch = Taken(connection, then, more=more, patience=self._patience)
        if hold.of is not None:
            self._watches[hold] = watch

    def say(self, hold: Hold, ending: Ending) -> None:
        """Report what became of a hold's reader, at once."""
        self._held.pop(hold.mark, None)
        if not hold.mark and ending == "left":
            return
        seen = Seen(hold.name, hold.key, hold.mark, ending)
        self._unsaid.setdefault(self._joins.home(hold.name), []).append(seen)
        self._wake.set()

    async def run(self) -> None:
        """Report, and say again and again that this process is there, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            busy = self._held or self._unsaid
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT if busy else None):
                    await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(_TURN)
            keeps = loop.time() - self._kept_at >= _KEEP
            try:
                await self._report(beats=True, keeps=keeps)
            except StoreAway:
                self._wake.set()
                await asyncio.sleep(_AWAY)
            else:
                self._kept_at = loop.time() if keeps else self._kept_at

    async def close(self) -> None:
        """Say of all that is held that it is let go of; for a moment at most."""
        for watch in list(self._watches.values()):
            watch.look(last=True)
        for hold in list(self._held.values()):
            hold.left()
        with suppress(StoreAway, TimeoutError):
            async with asyncio.timeout(_LAST_WORD):
                await self._report()

    def orders(self) -> Sequence[Order]:
        """The beats that a stand-in sends. Called in a thread: it only looks."""
        homes = {self._joins.home(hold.name) for hold in self._held.copy().values()}
        return [self._joins.beat(partition, self._holder) for partition in homes]

    async def _report(self, *, beats: bool = False, keeps: bool = False) -> None:
        """Say what is unsaid; ``beats``: also where there is nothing but readers that are held.

        Raises:
            StoreAway: it is still unsaid.
        """
        kept: dict[Partition, dict[str, float]] = {}
        if beats:
            for hold in self._held.values():
                those = kept.setdefault(self._joins.home(hold.name), {})
                if keeps:
                    those[hold.name] = max(hold.seconds, those.get(hold.name, 0.0))
        for partition in [*self._unsaid, *(each for each in kept if each not in self._unsaid)]:
            seen, names = self._unsaid.pop(partition, []), list(kept.get(partition, {}).items())
            while True:
                some, seen = seen[:_AT_ONCE], seen[_AT_ONCE:]
                first, names = dict(names[:_AT_ONCE]), names[_AT_ONCE:]
                try:
                    await self._joins.report(partition, self._holder, some, first)
                except BaseException:
                    self._unsaid[partition] = [*some, *seen, *self._unsaid.get(partition, [])]
                    raise
                if not seen and not names:
                    break


def ends(reader: Reader, connection: asyncio.Transport | None, more: int = 0) -> None:
    """The end of a reader's stream is on its way; all but ``more`` bytes were written."""
    hold, reader.hold = reader.hold, None
    if isinstance(hold, Hold):
        hold.ends(connection, more)


_SCOPE = "streamhold.hold"  # of a call whose answer is sent in one piece


def hand_over(request: Request, reader: Reader) -> None:
    """Leave a reader's hold to the answer, which is sent when the reader is closed."""
    request.scope[_SCOPE], reader.hold = reader.hold, None


def handed_over(scope: Scope) -> Hold | None:
    """The hold that was left to the answer, taken from it."""
    hold: Hold | None = scope.pop(_SCOPE, None)
    return hold


@contextmanager
def answering(hold: Hold | None) -> Iterator[None]:
    """While a whole answer is made: without one its reader has left."""
    try:
        yield
    except BaseException:
        if hold is not None:
            hold.left()
        raise


def sends(scope: Scope, hold: Hold | None, response: Response) -> None:
    """A whole answer is going to be sent: report whether it was taken."""
    if hold is not None:
        hold.ends(transport_of(scope), more=len(response.body))

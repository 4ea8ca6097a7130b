"""No number is ever used for two frames, whatever the store loses and whoever goes on.

Everything that was ever in a stream is taken to have been seen. Whatever is called in whatever
order, by holders that kept what they wrote or forgot it, with the store going back to an earlier
state in between: what is in a stream under a number is what was seen there, if anything was. And a
holder that kept everything has its stream whole.
"""

import asyncio
import itertools
from contextlib import suppress
from typing import Any

import fakeredis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from broker.codec import verbatim
from broker.errors import JobGone, JobNotFound, NotRetriable
from broker.frames import Frame, Kind
from broker.model import JobState, job_key
from broker.store.queue import Claim, Released
from broker.store.streams import FRAMES_LOST, Batch, Verdict, rewind_to
from tests.store.conftest import make_settings, open_at
from tests.store.crashing import Crashing, Snapshot
from tests.store.samples import arm, expire, frames, new_job, terminal

_DEPLOYMENTS = itertools.count(1)
_BODIES = itertools.count(1)
NAMES = ("r1", "r2", "r3")


class Holding:
    """A claim and what its holder kept of what it wrote."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.last = claim.job.last
        self.kept: list[Batch] = []
        self.over = False

    def make(self, count: int, final: JobState | None) -> Batch:
        made = [Frame(Kind.NATIVE, b"event: %d" % next(_BODIES)) for _ in range(count)]
        made += [terminal(final)] if final else []
        first, self.last = self.last + 1, self.last + len(made)
        payload = b"".join(verbatim(frame.kind, frame.body) for frame in made)
        return Batch(self.claim.job.key, self.claim.token, first, self.last, payload, final=final)


class LosingMachine(RuleBasedStateMachine):
    """Callers, holders, the rescuer, and a host that crashes."""

    address: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        deployment = f"losing{next(_DEPLOYMENTS)}"
        options = make_settings(self.address, deployment=deployment)
        self.store = open_at(self.address, fakeredis.FakeServer(), options)
        self.partition = self.store.keys.partitions[0]
        self.crashing = Crashing(self.store)
        self.snapshots: list[Snapshot] = []
        self.held: list[Holding] = []
        self.seen: dict[tuple[str, int], Frame] = {}
        self.crashed = False

    def run(self, call: Any) -> Any:
        return self.loop.run_until_complete(call)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.loop.close()

    @initialize(lost=st.sampled_from(("nothing", "claims", "jobs")))
    def start(self, lost: str) -> None:
        """A first crash may take the claims, or the jobs too; every holder has written."""
        if lost == "jobs":
            self.keep()
        for name in NAMES[:2]:
            self.create(name)
        if lost == "claims":
            self.keep()
        self.claim(2)
        if lost == "nothing":
            self.keep()
        for pick, _ in enumerate(self.held):
            self.write(pick, 2, None)

    @rule(name=st.sampled_from(NAMES))
    def create(self, name: str) -> None:
        with suppress(JobGone):
            self.run(self.store.jobs.create(new_job(name)))

    @rule(most=st.integers(1, 3))
    def claim(self, most: int) -> None:
        claims = self.run(self.store.queue.claim(self.partition, "w", most))
        self.held += map(Holding, claims)

    @precondition(lambda self: self.held)
    @rule(
        pick=st.integers(0, 9),
        count=st.integers(1, 3),
        final=st.sampled_from((None, None, None, JobState.COMPLETED, JobState.FAILED)),
    )
    def write(self, pick: int, count: int, final: JobState | None) -> None:
        """A holder writes, and does what the verdict asks of it."""
        holding = self.held[-1 - pick % len(self.held)]
        if not holding.over:
            self.send(holding, [holding.make(count, final)])
            holding.over = holding.over or final is not None

    def send(self, holding: Holding, batches: list[Batch]) -> None:
        claim = holding.claim
        while batches:
            (verdict,) = self.run(self.store.streams.append(self.partition, batches[:1]))
            if verdict >= Verdict.APPENDED:
                holding.kept.append(batches.pop(0))
            elif (last := rewind_to(verdict)) is not None:
                again = [batch for batch in holding.kept if batch.last > last]
                batches = again + batches
                holding.kept = [batch for batch in holding.kept if batch.last <= last]
                if batches[0].first != last + 1:
                    holding.over = True
                    call = self.store.jobs.lose(claim.job.key, claim.token, FRAMES_LOST, None, [])
                    assert self.run(call)
                    return
            elif not self.run(self.store.queue.reclaim(self.partition, "w", claim)):
                holding.over = True
                return

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 9), most=st.integers(0, 1))
    def forget(self, pick: int, most: int) -> None:
        """A holder lets go of what it wrote long ago."""
        holding = self.held[-1 - pick % len(self.held)]
        holding.kept = holding.kept[len(holding.kept) - most :] if most else []

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 9))
    def hand_over(self, pick: int) -> None:
        claim = self.held[-1 - pick % len(self.held)].claim
        lease = Released(claim.job.key, claim.token)
        self.run(self.store.queue.release(self.partition, "w", [lease], leaving=False))

    @rule(name=st.sampled_from(NAMES))
    def cancel(self, name: str) -> None:
        with suppress(JobNotFound, JobGone):
            self.run(self.store.jobs.cancel(job_key("acme", name)))

    @rule(name=st.sampled_from(NAMES))
    def retry(self, name: str) -> None:
        with suppress(JobNotFound, JobGone, NotRetriable):
            self.run(self.store.jobs.retry(job_key("acme", name)))

    @rule(name=st.sampled_from(NAMES))
    def rescue(self, name: str) -> None:
        """A holder is silent for too long."""
        key = job_key("acme", name)
        self.run(arm(self.store))
        with suppress(JobNotFound, JobGone):
            if self.run(self.store.jobs.get(key)).state is JobState.RUNNING:
                self.run(expire(self.store, key))
        self.run(self.store.leases.rescue(self.partition))

    @precondition(lambda self: self.crashed)
    @rule()
    def hold_off_passes(self) -> None:
        """A minute goes by since the last crash."""
        self.run(self.crashing.pass_hold_off())

    @rule()
    def keep(self) -> None:
        """So far the log is safe."""
        self.snapshots.append(self.run(self.crashing.snapshot()))

    @precondition(lambda self: self.snapshots)
    @rule(lost=st.integers(1, 3))
    def crash(self, lost: int) -> None:
        """The store goes back, and everything after is as if it had never been."""
        del self.snapshots[max(1, len(self.snapshots) - lost + 1) :]
        self.run(self.crashing.go_back(self.snapshots[-1]))
        self.run(arm(self.store))  # some script is the first to see the new store
        self.crashed = True

    @invariant()
    def no_number_is_used_twice(self) -> None:
        for name in NAMES:
            key = job_key("acme", name)
            try:
                found = self.run(frames(self.store, key))
            except (JobNotFound, JobGone):
                continue
            for number, frame in found.items():
                was = self.seen.setdefault((key, number), frame)
                assert was == frame, (name, number, was, frame)


def test_no_number_is_used_for_two_frames(address: str | None) -> None:
    machine = type("Machine", (LosingMachine,), {"address": address})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12 if address is None else 30,
            stateful_step_count=30,
            derandomize=True,
            database=None,
            deadline=None,
        ),
    )

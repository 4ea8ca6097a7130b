"""The scripts against a naive model: whatever is called in whatever order, both agree.

A lease ends by writing its score, not by waiting, so that every run takes the same steps.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from broker.codec import decode
from broker.errors import JobGone, NotRetriable, RequestIdReused
from broker.frames import Frame, Kind
from broker.model import JobState, job_key
from broker.store.jobs import CANCELLED, ended
from broker.store.leases import QUEUE_TIMEOUT
from broker.store.queue import Released
from tests.store.held import Held
from tests.store.machine import JOBS, KEYS, Compared
from tests.store.model import OPEN
from tests.store.samples import expire, new_job, numbered, raw, terminal

HOLDERS = ("one", "two")
BODIES = (b'{"n":1}', b'{"n":2}')

some_keys = st.sets(st.sampled_from(KEYS), max_size=3)
a_frame = st.tuples(
    st.sampled_from((Kind.DIALECT, Kind.DIALECT, Kind.NATIVE)),
    st.one_of(st.binary(max_size=3), st.sampled_from((b"a", b"b", b"c"))),
).map(lambda made: Frame(made[0], b'data: {"d":"' + made[1] + b'"}'))
some_frames = st.lists(a_frame, min_size=1, max_size=4)
ENDS = (JobState.COMPLETED, JobState.FAILED)
HOWS = ("next", "again", "again", "gap", "overlap")


def picks(most: int) -> st.SearchStrategy[list[int]]:
    """Which of a list, by number modulo its length."""
    return st.lists(st.integers(0, 9), min_size=1, max_size=most)


class StoreMachine(Compared):
    """Every rule does one call and compares its answer; the invariants compare the rest."""

    @initialize(
        jobs=st.lists(st.sampled_from(JOBS), min_size=2, max_size=6), most=st.integers(1, 4)
    )
    def start(self, jobs: list[tuple[str, str]], most: int) -> None:
        """Some jobs are there, and some of them running, so that a run is not spent on that."""
        for job in jobs:
            self.create(job, BODIES[0])
        self.claim(HOLDERS[0], most)

    # ── the callers ────────────────────────────────────────────────────────────────────

    @rule(job=st.sampled_from(JOBS), body=st.sampled_from(BODIES))
    def create(self, job: tuple[str, str], body: bytes) -> None:
        account, name = job
        call = self.store.jobs.create(new_job(name, account=account, body=body))
        expected = self.model.create(job_key(*job), account, body)
        if expected in ("conflict", "gone"):
            self.raises(call, {"conflict": RequestIdReused, "gone": JobGone}[expected])
        else:
            assert self.run(call).created is (expected == "created")

    @precondition(lambda self: len(self.model.having("cancelled")) < 2)
    @rule(key=st.sampled_from(KEYS))
    def cancel(self, key: str) -> None:
        call = self.store.jobs.cancel(key)
        if self.refused(key, call):
            return
        if self.model.state(key) in OPEN:
            payload, _ = ended(JobState.CANCELLED, CANCELLED)
            self.model.end(key, "cancelled", *decode(payload, {}))
        assert self.run(call) == self.model.state(key)

    @precondition(lambda self: len(self.model.having("deleted")) < 2)
    @rule(key=st.sampled_from(KEYS))
    def delete(self, key: str) -> None:
        call = self.store.jobs.delete(key)
        if self.refused(key, call):
            return
        if self.model.state(key) == "queued":
            self.model.end(key, "cancelled", terminal(JobState.CANCELLED))
        self.model.delete(key)
        self.run(call)

    @rule(key=st.sampled_from(KEYS))
    def retry(self, key: str) -> None:
        call = self.store.jobs.retry(key)
        if self.refused(key, call):
            return
        if self.model.can_retry(key):
            self.run(call)
            self.model.retry(key)
        else:
            self.raises(call, NotRetriable)

    @rule(pick=st.integers(0, 5), after=st.integers(0, 8), count=st.sampled_from((1, 2, 99)))
    def read(self, pick: int, after: int, count: int) -> None:
        keys = [key for key in KEYS if key in self.model.jobs and self.model.jobs[key].frames]
        key = (keys or KEYS)[pick % len(keys or KEYS)]
        call = self.store.streams.read(key, after, count)
        if self.refused(key, call):
            return
        read = self.run(call)
        assert numbered(read, after) == self.model.read(key, after, count)
        assert (read.state, read.last) == (self.model.state(key), self.model.jobs[key].last)

    # ── the workers ────────────────────────────────────────────────────────────────────

    @rule(holder=st.sampled_from(HOLDERS), most=st.integers(1, 3))
    def claim(self, holder: str, most: int) -> None:
        claims = self.run(self.store.queue.claim(self.partition, holder, most))
        assert [claim.job.key for claim in claims] == self.model.claim(most)
        for claim in claims:
            assert claim.body == self.model.jobs[claim.job.key].body
            templates = self.run(self.store.streams.read(claim.job.key, 0, 1)).templates
            self.held.append(Held(claim, templates))

    @precondition(lambda self: self.current())
    @rule(picks=picks(3), frames=some_frames, final=st.sampled_from((None, None, *ENDS)))
    def append(self, picks: list[int], frames: list[Frame], final: JobState | None) -> None:
        """Holders in force go on, several in one call."""
        current = self.current()
        held = {pick % len(current): current[pick % len(current)] for pick in picks}
        self.send([(each, "next") for each in held.values()], frames, final)

    @precondition(lambda self: self.under_way())
    @rule(pick=st.integers(0, 5), how=st.sampled_from(("gap", "overlap")), frames=some_frames)
    def append_elsewhere(self, pick: int, how: str, frames: list[Frame]) -> None:
        """A holder in force sends what does not continue a stream that has begun."""
        current = self.under_way()
        self.send([(current[pick % len(current)], how)], frames, None)

    @precondition(lambda self: self.held)
    @rule(
        tries=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(HOWS)), min_size=1, max_size=3),
        frames=some_frames,
        final=st.sampled_from((None, *ENDS)),
    )
    def append_wrongly(
        self, tries: list[tuple[int, str]], frames: list[Frame], final: JobState | None
    ) -> None:
        """Whoever ever held a job sends what was sent before, or what does not fit."""
        pool = list(dict.fromkeys([*self.current(), *reversed(self.held)]))
        chosen = {pool[pick % len(pool)]: how for pick, how in tries}
        self.send(list(chosen.items()), frames, final)

    @precondition(lambda self: self.current())
    @rule(pick=st.integers(0, 5))
    def fail(self, pick: int) -> None:
        """A job that has delivered nothing can be retried then."""
        current = self.current()
        self.send([(current[pick % len(current)], "next")], [], JobState.FAILED)

    def send(
        self, sending: list[tuple[Held, str]], frames: list[Frame], final: JobState | None
    ) -> None:
        sent = [held.send(how, self.last(held.pair[0]), frames, final) for held, how in sending]
        verdicts = self.run(self.store.streams.append(self.partition, [b for b, _ in sent]))
        assert verdicts == [
            self.model.append(batch.key, batch.token, batch.first, frames, batch.final)
            for batch, frames in sent
        ]

    @precondition(lambda self: self.held)
    @rule(picks=picks(4), holder=st.sampled_from(HOLDERS))
    def renew(self, picks: list[int], holder: str) -> None:
        pairs = [self.held[-1 - pick % len(self.held)].pair for pick in picks]
        renewed = self.run(self.store.leases.renew(self.partition, holder, pairs))
        assert renewed == [self.model.holds(*pair) for pair in pairs]

    @precondition(lambda self: self.held)
    @rule(picks=picks(3), leaving=st.booleans())
    def release(self, picks: list[int], leaving: bool) -> None:
        pairs = [self.held[-1 - pick % len(self.held)].pair for pick in picks]
        mine = {key for key, token in pairs if self.model.holds(key, token)}
        for key in mine:
            self.model.give_back(key, lost=False)
        leases = [Released(*pair) for pair in pairs]
        call = self.store.queue.release(self.partition, "one", leases, leaving=leaving)
        assert self.run(call) == len(mine)

    @rule()
    def take_token(self) -> None:
        """A worker is woken and dies."""
        self.run(raw(self.store).lpop(self.partition.wake))

    @rule(lost=some_keys, late=some_keys)
    def rescue(self, lost: set[str], late: set[str]) -> None:
        lost = {key for key in lost if self.model.state(key) == "running"}
        late = {key for key in late if self.model.state(key) == "queued"}
        self.run(expire(self.store, *lost))
        for key in late:
            self.run(raw(self.store).zadd(self.partition.prefix + "due", {key: 0}))
        for key in lost:
            self.model.give_back(key, lost=True)
        payload, _ = ended(JobState.FAILED, QUEUE_TIMEOUT)
        for key in late:
            self.model.end(key, "failed", *decode(payload, {}))
        tick = self.run(self.store.leases.rescue(self.partition))
        assert (set(tick.rescued), set(tick.timed_out), tick.mended) == (lost, late, [])
        queued, running = self.model.having("queued"), self.model.having("running")
        assert (tick.held_off, tick.queued, tick.running) == (False, len(queued), len(running))
        assert not queued or self.run(raw(self.store).llen(self.partition.wake))


def test_the_scripts_against_the_model(address: str | None) -> None:
    machine = type("Machine", (StoreMachine,), {"address": address})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=120 if address is None else 50,
            stateful_step_count=30,
            derandomize=True,
            database=None,
            deadline=None,
        ),
    )

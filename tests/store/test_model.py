"""The scripts against a naive model: whatever is called in whatever order, both agree.

Times end by writing their scores, not by waiting, so that every run takes the same steps.
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
from broker.frames import Frame, Kind
from broker.model import JobState
from broker.store.jobs import ended
from broker.store.leases import ABANDONED, DEADLINE, QUEUE_TIMEOUT
from broker.store.queue import Released
from broker.store.record import CALLING_TOLD
from tests.store.callers import BODIES, SECONDS, Callers, Shape, some_shape
from tests.store.held import Held, Sent
from tests.store.machine import JOBS, KEYS
from tests.store.samples import expire, names, pass_by, raw

HOLDERS = ("one", "two")
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


class StoreMachine(Callers):
    """Every rule does one call and compares its answer; the invariants compare the rest."""

    @initialize(
        jobs=st.lists(st.tuples(st.sampled_from(JOBS), some_shape), min_size=2, max_size=6),
        most=st.integers(1, 4),
    )
    def start(self, jobs: list[tuple[tuple[str, str], Shape]], most: int) -> None:
        """Some jobs are there, and some of them running, so that a run is not spent on that."""
        for job, shape in jobs:
            self.create(job, BODIES[0], shape, None, True)
        self.claim(HOLDERS[0], most, None, False)

    # ── the workers ────────────────────────────────────────────────────────────────────

    @rule(
        holder=st.sampled_from(HOLDERS),
        most=st.integers(1, 3),
        most_batch=st.sampled_from((None, 0, 1, 2)),
        lost=st.sampled_from((False, False, False, True)),
    )
    def claim(self, holder: str, most: int, most_batch: int | None, lost: bool) -> None:
        """Of a lost claim nobody ever knows: its jobs wait for their leases to end."""
        claims = self.run(self.store.queue.claim(self.partition, holder, most, most_batch))
        taken = self.model.claim(most, None if most_batch is None else min(most, most_batch))
        assert [claim.job.key for claim in claims] == taken
        for claim in claims:
            model = self.model.jobs[claim.job.key]
            assert (claim.body, len(claim.job.attempts)) == (model.body, model.calling - 1)
            templates = self.run(self.store.streams.read(claim.job.key, 0, 1)).templates
            if not lost:
                self.held.append(Held(claim, templates))
        self.again = (lambda: self.claim(holder, most, most_batch, False)) if lost else None

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
        self.transmit(
            [held.send(how, self.last(held.pair[0]), frames, final) for held, how in sending]
        )

    def transmit(self, sent: list[Sent]) -> None:
        verdicts = self.run(self.store.streams.append(self.partition, [b for b, _ in sent]))
        assert verdicts == [
            self.model.append(batch.key, batch.token, batch.first, frames, batch.final)
            for batch, frames in sent
        ]
        self.again = lambda: self.transmit(sent)

    @precondition(lambda self: self.held)
    @rule(picks=picks(4), holder=st.sampled_from(HOLDERS))
    def renew(self, picks: list[int], holder: str) -> None:
        pairs = [self.held[-1 - pick % len(self.held)].pair for pick in picks]
        renewed = self.run(self.store.leases.renew(self.partition, holder, pairs))
        assert renewed == [self.model.holds(*pair) for pair in pairs]

    @precondition(lambda self: self.held)
    @rule(picks=picks(3), leaving=st.booleans(), told=st.booleans())
    def release(self, picks: list[int], leaving: bool, told: bool) -> None:
        pairs = [self.held[-1 - pick % len(self.held)].pair for pick in picks]
        self.hand_back(pairs, leaving, told)

    def hand_back(self, pairs: list[tuple[str, int]], leaving: bool, told: bool) -> None:
        mine = {key for key, token in pairs if self.model.holds(key, token)}
        for key in mine:
            self.model.give_back(key, lost=False, told=told)
        leases = [Released(*pair, [CALLING_TOLD] if told else []) for pair in pairs]
        call = self.store.queue.release(self.partition, "one", leases, leaving=leaving)
        assert self.run(call) == len(mine)
        self.again = lambda: self.hand_back(pairs, leaving, told)

    @rule(key=st.sampled_from(KEYS))
    def settle(self, key: str) -> None:
        self.run(self.store.jobs.settle(key, [CALLING_TOLD]))
        self.model.settle(key)

    @precondition(lambda self: self.again)
    @rule()
    def answer_lost(self) -> None:
        """A client never got its answer, and calls again, at once or late."""
        assert self.again is not None
        self.again()

    # ── time ───────────────────────────────────────────────────────────────────────────

    @rule(batch=st.booleans())
    def take_token(self, batch: bool) -> None:
        """A worker is woken and dies."""
        wake = self.partition.wake_batch if batch else self.partition.wake
        self.run(raw(self.store).lpop(wake))

    @rule(keys=some_keys)
    def deadlines_pass(self, keys: set[str]) -> None:
        """Wherever the jobs are; the queue will notice once they are due (again)."""
        for key in keys & set(self.model.opened()):
            if self.model.jobs[key].deadline:
                self.model.jobs[key].overdue = True
                self.run(raw(self.store).hset(names(self.store, key)["job"], "deadline", 1))

    @rule(keys=some_keys)
    def attend(self, keys: set[str]) -> None:
        """Readers are there, of jobs that care and of others."""
        pairs = [(key, int(SECONDS * 1000)) for key in keys]
        self.run(self.store.leases.attend(self.partition, pairs))

    @rule(lost=some_keys, late=some_keys, overdue=some_keys)
    def rescue(self, lost: set[str], late: set[str], overdue: set[str]) -> None:
        """Leases end, jobs wait too long, past their deadlines or not."""
        self.deadlines_pass(overdue)
        self.tick(lost, late | overdue, set(), set())

    @precondition(lambda self: self.model.watched())
    @rule(lost=some_keys, left=some_keys, back=some_keys)
    def abandon(self, lost: set[str], left: set[str], back: set[str]) -> None:
        """Readers leave, and come back in time or not; leases end as well, perhaps."""
        self.tick(lost, set(), left, back)

    def tick(self, lost: set[str], late: set[str], left: set[str], back: set[str]) -> None:
        lost = lost & set(self.model.having("running"))
        late = late & set(self.model.having("queued"))
        left = left & self.model.watched()
        self.run(expire(self.store, *lost))
        for name, keys in (("due", late), ("watched", left)):
            self.run(pass_by(self.store, name, *keys))
        self.attend(back)
        for key in lost:
            self.model.give_back(key, lost=True)
        for key in left - back:
            self.model.end(key, "cancelled", *decode(ended(JobState.CANCELLED, ABANDONED)[0], {}))
            self.model.totals["abandoned"] += 1
        for key in late:
            self.model.jobs[key].waited = True
        timed_out = self.model.out_of_time(overdue=False)
        overdue = self.model.out_of_time(overdue=True)
        for keys, failure in ((timed_out, QUEUE_TIMEOUT), (overdue, DEADLINE)):
            for key in keys:
                self.model.end(key, "failed", *decode(ended(JobState.FAILED, failure)[0], {}))
        tick = self.run(self.store.leases.rescue(self.partition))
        assert (set(tick.rescued), set(tick.abandoned)) == (lost, left - back)
        assert (set(tick.timed_out), set(tick.late), tick.mended) == (timed_out, overdue, [])
        assert (tick.held_off, tick.totals) == (
            False,
            {k: n for k, n in self.model.totals.items() if n},
        )
        queued, batch = self.model.queue(), self.model.queue(batch=True)
        running = len(self.model.having("running"))
        assert (tick.queued, tick.queued_batch, tick.running) == (len(queued), len(batch), running)
        assert not queued or self.run(raw(self.store).llen(self.partition.wake))
        assert not batch or self.run(raw(self.store).llen(self.partition.wake_batch))


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

"""The callers' rules of the store's model test: create, cancel, delete, retry, read."""

from itertools import islice
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from broker.codec import decode
from broker.errors import AccountBusy, JobGone, NotRetriable, RequestIdReused, StoreFull
from broker.model import JobState, job_key
from broker.store.jobs import CANCELLED, ended
from tests.store.machine import JOBS, KEYS, Compared
from tests.store.model import OPEN
from tests.store.samples import BATCH, INTERACTIVE, new_job, numbered, terminal

BODIES = (b'{"n":1}', b'{"n":2}')
SECONDS = 1000.0  # of every grace and deadline
REFUSALS = {"conflict": RequestIdReused, "gone": JobGone, "full": StoreFull, "busy": AccountBusy}

Shape = dict[str, bool]  # batch, grace, deadline
some_shape = st.sampled_from(
    (
        {},
        {"batch": True},
        {"grace": True},
        {"batch": True, "deadline": True},
        {"batch": True, "grace": True, "deadline": True},
    )
)


class Callers(Compared):
    """Every rule does one call and compares its answer."""

    @rule(
        job=st.sampled_from(JOBS),
        body=st.sampled_from(BODIES),
        shape=some_shape,
        most_open=st.sampled_from((None, None, 2)),
        admitted=st.sampled_from((True, True, True, False)),
    )
    def create(
        self,
        job: tuple[str, str],
        body: bytes,
        shape: Shape,
        most_open: int | None,
        admitted: bool,
    ) -> None:
        account, name = job
        key = job_key(*job)
        limits: dict[str, Any] = {"most_open": most_open, "admitted": admitted}
        new = new_job(
            name,
            account=account,
            body=body,
            options=BATCH if shape.get("batch") else INTERACTIVE,
            grace=SECONDS if shape.get("grace") else None,
            deadline=SECONDS if shape.get("deadline") else None,
            **limits,
        )
        expected = self.model.create(key, account, body, **limits, **shape)
        if expected in REFUSALS:
            self.raises(self.store.jobs.create(new), REFUSALS[expected])
        else:
            creation = self.run(self.store.jobs.create(new))
            assert creation.created is (expected == "created")
            assert (creation.grace_ms is not None) is self.model.jobs[key].grace
        self.again = lambda: self.create(job, body, shape, most_open, admitted)

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
        if self.model.state(key) in OPEN:
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
        found = numbered(read, after)  # an ended stream's entries are put together: more a page
        assert len(found) >= len(self.model.read(key, after, count))
        whole = self.model.read(key, after, 99)
        assert found == dict(islice(whole.items(), len(found)))
        assert (read.state, read.last) == (self.model.state(key), self.model.jobs[key].last)

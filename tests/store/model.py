"""The store as it should be: jobs in dicts, one step after the other, no clock, no server.

Written from the promises, not from the scripts. Tokens are the only thing it can't know
beforehand: where one is drawn it leaves None, and ``learn`` checks what the store drew.
"""

from collections import Counter
from dataclasses import dataclass, field

from broker.frames import Frame, Kind
from broker.model import JobState
from broker.store.streams import Verdict

OPEN = ("queued", "running")
FINAL = ("completed", "failed", "cancelled")


@dataclass
class ModelJob:
    """One job; ``place`` is (virtual time, arrival), ``entries`` (first, last) of each append.

    ``grace`` and ``deadline`` tell whether it has one; ``overdue`` that its deadline is over,
    ``waited`` that its time in the queue is; ``unsettled`` that it was ended from outside, and
    nobody has settled its attempts since.
    """

    account: str
    body: bytes
    place: tuple[int, int]
    batch: bool = False
    grace: bool = False
    deadline: bool = False
    state: str = "queued"
    token: int | None = 0
    last: int = 0
    frames: dict[int, Frame] = field(default_factory=dict)
    entries: list[tuple[int, int]] = field(default_factory=list)
    delivered: bool = False
    claims: int = 0
    losses: int = 0
    calling: int = 0
    spent: int = 0
    overdue: bool = False
    waited: bool = False
    unsettled: bool = False

    def add(self, frames: list[Frame]) -> None:
        self.entries.append((self.last + 1, self.last + len(frames)))
        for frame in frames:
            self.last += 1
            self.frames[self.last] = frame

    @property
    def keeps_body(self) -> bool:
        retriable = self.state == "failed" and not self.delivered
        return self.state in OPEN or retriable or self.unsettled


class Model:
    """All jobs by key, the queue's virtual time, the highest token seen."""

    def __init__(self) -> None:
        self.jobs: dict[str, ModelJob] = {}
        self.virtual = 0
        # The last place of each account's jobs of a priority.
        self.served: dict[tuple[str, bool], int] = {}
        self.totals: Counter[str] = Counter()
        self.arrivals = 0
        self.highest = 0

    def state(self, key: str) -> str:
        return self.jobs[key].state if key in self.jobs else "missing"

    def having(self, state: str) -> list[str]:
        return [key for key, job in self.jobs.items() if job.state == state]

    def queue(self, *, batch: bool = False) -> list[str]:
        found = [key for key in self.having("queued") if self.jobs[key].batch is batch]
        return sorted(found, key=lambda key: self.jobs[key].place)

    def opened(self) -> list[str]:
        return [key for key, job in self.jobs.items() if job.state in OPEN]

    def busy(self) -> Counter[str]:
        return Counter(self.jobs[key].account for key in self.opened())

    def waits(self) -> Counter[str]:
        """Queued jobs by account and priority."""
        queued = [self.jobs[key] for key in self.having("queued")]
        return Counter(job.account + ("/batch" if job.batch else "") for job in queued)

    def unsettled(self) -> set[str]:
        return {key for key, job in self.jobs.items() if job.unsettled}

    def watched(self) -> set[str]:
        return {key for key in self.opened() if self.jobs[key].grace}

    def create(
        self,
        key: str,
        account: str,
        body: bytes,
        *,
        most_open: int | None = None,
        admitted: bool = True,
        batch: bool = False,
        grace: bool = False,
        deadline: bool = False,
    ) -> str:
        job = self.jobs.get(key)
        if job is not None:
            if job.state == "deleted":
                return "gone"
            return "exists" if job.body == body else "conflict"
        if not admitted:
            return "full"
        if most_open is not None and self.busy()[account] >= most_open:
            return "busy"
        place = self._place(account, batch)
        self.jobs[key] = ModelJob(account, body, place, batch, grace, deadline)
        return "created"

    def claim(self, most: int, most_batch: int | None = None) -> list[str]:
        room = most if most_batch is None else most_batch
        taken: list[str] = []
        while len(taken) < most:
            heads = self.queue()[:1]
            if room > 0:
                heads += self.queue(batch=True)[:1]
            if not heads:
                break
            key = min(heads, key=lambda key: self.jobs[key].place[0])  # at a tie the first
            job = self.jobs[key]
            job.state, job.token, job.waited = "running", None, False
            job.claims += 1
            job.calling += 1
            room -= job.batch
            self.virtual = max(self.virtual, job.place[0])
            taken.append(key)
        self._forget_if_empty()
        return taken

    def holds(self, key: str, token: int) -> bool:
        return self.state(key) == "running" and self.jobs[key].token == token

    def append(
        self, key: str, token: int, first: int, frames: list[Frame], final: JobState | None
    ) -> int:
        verdict = self._append(key, token, first, frames, final)
        self.totals["fenced"] += verdict == Verdict.FENCED
        return verdict

    def _append(
        self, key: str, token: int, first: int, frames: list[Frame], final: JobState | None
    ) -> int:
        job = self.jobs.get(key)
        if job is None or job.state == "deleted" or job.token != token:
            return Verdict.FENCED
        if first + len(frames) - 1 <= job.last:
            return Verdict.DUPLICATE
        if job.state != "running":
            return Verdict.FENCED
        if first != job.last + 1:
            return Verdict.REWIND - job.last
        job.add(frames)
        job.delivered |= any(frame.kind == Kind.DIALECT for frame in frames)
        job.calling = 0
        if final is not None:
            job.state = final.value
            self.totals[final.value] += 1
        return Verdict.APPENDED

    def end(self, key: str, state: str, frame: Frame) -> None:
        """From outside: cancelled, or failed by the queue's deadline or its own."""
        job = self.jobs[key]
        job.add([frame])
        was, job.state, job.token = job.state, state, None
        job.unsettled = job.claims > 0
        self.totals[state] += 1
        if was == "queued":
            self._forget_if_empty()

    def give_back(self, key: str, *, lost: bool, told: bool = False) -> None:
        job = self.jobs[key]
        job.state, job.token, job.waited = "queued", None, job.overdue
        job.losses += lost
        self.totals["rescued"] += lost
        if told:
            job.calling = 0

    def out_of_time(self, *, overdue: bool) -> set[str]:
        """The queued jobs that a tick is to fail, by their deadline or by the queue's."""
        queued = self.having("queued")
        return {k for k in queued if self.jobs[k].waited and self.jobs[k].overdue is overdue}

    def settle(self, key: str) -> None:
        if self.state(key) in FINAL:
            self.jobs[key].calling = 0
            self.jobs[key].unsettled = False

    def delete(self, key: str) -> None:
        job = self.jobs[key]
        job.state, job.token, job.unsettled = "deleted", 0, False
        job.frames, job.entries = {}, []

    def can_retry(self, key: str) -> bool:
        return self.state(key) == "failed" and not self.jobs[key].delivered

    def retry(self, key: str) -> None:
        job = self.jobs[key]
        job.state, job.token, job.losses, job.unsettled = "queued", None, 0, False
        job.frames, job.entries = {}, []
        job.spent = job.calling  # no attempt is ever told by name here
        job.overdue = job.waited = False
        job.place = self._place(job.account, job.batch)

    def read(self, key: str, after: int, count: int) -> dict[int, Frame]:
        """The frames of up to ``count`` entries after the cursor."""
        job = self.jobs[key]
        entries = [(first, last) for first, last in job.entries if last > after][:count]
        numbers = [n for first, last in entries for n in range(first, last + 1) if n > after]
        return {number: job.frames[number] for number in numbers}

    def learn(self, tokens: dict[str, int]) -> None:
        """Take over the store's tokens: unchanged ones as they were, drawn ones above all."""
        drawn = [tokens[key] for key, job in self.jobs.items() if job.token is None]
        assert len(set(drawn)) == len(drawn)
        assert all(token > self.highest for token in drawn)
        for key, token in tokens.items():
            job = self.jobs[key]
            assert job.token in (None, token)
            job.token = token
        self.highest = max(drawn, default=self.highest)

    def _place(self, account: str, batch: bool) -> tuple[int, int]:
        self.arrivals += 1
        turn = max(self.virtual, self.served.get((account, batch), 0)) + (8 if batch else 1)
        self.served[account, batch] = turn
        return turn, self.arrivals

    def _forget_if_empty(self) -> None:
        if not self.having("queued"):
            self.served = {}

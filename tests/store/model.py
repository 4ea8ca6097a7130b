"""The store as it should be: jobs in dicts, one step after the other, no clock, no server.

Written from the promises, not from the scripts. Tokens are the only thing it can't know
beforehand: where one is drawn it leaves None, and ``learn`` checks what the store drew.
"""

from dataclasses import dataclass, field

from broker.frames import Frame, Kind
from broker.model import JobState
from broker.store.streams import Verdict

OPEN = ("queued", "running")
FINAL = ("completed", "failed", "cancelled")


@dataclass
class ModelJob:
    """One job; ``place`` is (virtual time, arrival), ``entries`` (first, last) of each append."""

    account: str
    body: bytes
    place: tuple[int, int]
    state: str = "queued"
    token: int | None = 0
    last: int = 0
    frames: dict[int, Frame] = field(default_factory=dict)
    entries: list[tuple[int, int]] = field(default_factory=list)
    delivered: bool = False
    claims: int = 0
    losses: int = 0

    def add(self, frames: list[Frame]) -> None:
        self.entries.append((self.last + 1, self.last + len(frames)))
        for frame in frames:
            self.last += 1
            self.frames[self.last] = frame

    @property
    def keeps_body(self) -> bool:
        return self.state in OPEN or (self.state == "failed" and not self.delivered)


class Model:
    """All jobs by key, the queue's virtual time, the highest token seen."""

    def __init__(self) -> None:
        self.jobs: dict[str, ModelJob] = {}
        self.virtual = 0
        self.served: dict[str, int] = {}  # the last place of each account
        self.arrivals = 0
        self.highest = 0

    def state(self, key: str) -> str:
        return self.jobs[key].state if key in self.jobs else "missing"

    def having(self, state: str) -> list[str]:
        return [key for key, job in self.jobs.items() if job.state == state]

    def queue(self) -> list[str]:
        return sorted(self.having("queued"), key=lambda key: self.jobs[key].place)

    def create(self, key: str, account: str, body: bytes) -> str:
        job = self.jobs.get(key)
        if job is None:
            self.jobs[key] = ModelJob(account, body, self._place(account))
            return "created"
        if job.state == "deleted":
            return "gone"
        return "exists" if job.body == body else "conflict"

    def claim(self, most: int) -> list[str]:
        taken = self.queue()[:most]
        for key in taken:
            job = self.jobs[key]
            job.state, job.token = "running", None
            job.claims += 1
            self.virtual = max(self.virtual, job.place[0])
        self._forget_if_empty()
        return taken

    def holds(self, key: str, token: int) -> bool:
        return self.state(key) == "running" and self.jobs[key].token == token

    def append(
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
        if final is not None:
            job.state = final.value
        return Verdict.APPENDED

    def end(self, key: str, state: str, frame: Frame) -> None:
        """From outside: cancelled, or failed by the queue's deadline."""
        job = self.jobs[key]
        job.add([frame])
        was, job.state, job.token = job.state, state, None
        if was == "queued":
            self._forget_if_empty()

    def give_back(self, key: str, *, lost: bool) -> None:
        job = self.jobs[key]
        job.state, job.token = "queued", None
        job.losses += lost

    def delete(self, key: str) -> None:
        job = self.jobs[key]
        job.state, job.token = "deleted", 0
        job.frames, job.entries = {}, []

    def can_retry(self, key: str) -> bool:
        return self.state(key) == "failed" and not self.jobs[key].delivered

    def retry(self, key: str) -> None:
        job = self.jobs[key]
        job.state, job.token, job.losses = "queued", None, 0
        job.frames, job.entries = {}, []
        job.place = self._place(job.account)

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

    def _place(self, account: str) -> tuple[int, int]:
        self.arrivals += 1
        turn = max(self.virtual, self.served.get(account, 0)) + 1
        self.served[account] = turn
        return turn, self.arrivals

    def _forget_if_empty(self) -> None:
        if not self.queue():
            self.served = {}

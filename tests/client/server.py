"""A server of one stream, as a client meets it, without a network.

Each connection follows a plan: it fails before it stands, is refused, or brings the stream
after the cursor it was asked for, up to a byte at which it is cut.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

from streamhold_client.call import Call, new_call
from streamhold_client.faults import Faults
from streamhold_client.outage import Outage
from streamhold_client.sse import Splitter
from streamhold_client.surface import Surface

KEY = "call-1"


class Lost(Exception):
    """The connection is gone."""


class Unsent(Lost):
    """There was none."""


class Silent(Exception):
    """The read timeout."""


class Cut(Exception):
    """The error for a stream that ended early."""


FAULTS = Faults((Lost,), (Unsent,), (Silent,), (Lost, Silent), Cut)


@dataclass
class Plan:
    """One connection."""

    raises: Exception | None = None  # instead of an answer
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None  # instead of the stream
    cut: int | None = None  # after so many bytes
    end: Exception | None = None  # how it ends at the cut; a clean end of file if None
    chunk: int = 7  # bytes at once
    deaf: bool = False  # it does not hear Last-Event-ID


class FakeAnswer:
    """By blocking and awaiting alike."""

    def __init__(self, plan: Plan, headers: Mapping[str, str], body: bytes) -> None:
        self.status_code = plan.status
        self.headers = headers
        self.closed = False
        self._plan = plan
        self._body = body

    def iter_raw(self) -> Iterator[bytes]:
        body, plan = self._body[: self._plan.cut], self._plan
        for start in range(0, len(body), plan.chunk):
            yield body[start : start + plan.chunk]
        if plan.cut is not None and plan.end is not None:
            raise plan.end

    async def aiter_raw(self) -> AsyncIterator[bytes]:
        for data in self.iter_raw():
            yield data

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


class FakeServer:
    """Follows its plans one by one; after them it brings everything."""

    def __init__(
        self,
        stream: bytes | dict[int, bytes],
        plans: list[Plan],
        kind: str = "text/event-stream",
    ) -> None:
        """A dict is a stream by its frames; else each event is a frame."""
        self.stream = stream
        self.plans = list(plans)
        self.kind = kind
        self.asked: list[int] = []  # the cursors
        self.answers: list[FakeAnswer] = []
        self.now = 0.0
        self.pauses: list[float] = []

    def send(self, after: int) -> FakeAnswer:
        self.asked.append(after)
        plan = self.plans.pop(0) if self.plans else Plan(chunk=1 << 20)
        if plan.raises is not None:
            raise plan.raises
        headers = {"content-type": self.kind, "x-request-id": KEY, **plan.headers}
        body = self._after(0 if plan.deaf else after) if plan.body is None else plan.body
        self.answers.append(FakeAnswer(plan, headers, body))
        return self.answers[-1]

    async def asend(self, after: int) -> FakeAnswer:
        return self.send(after)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)

    def call(self, surface: Surface = Surface.CHAT, patience: float = 60.0) -> Call:
        """A call whose time is the server's."""
        call = new_call(KEY, FAULTS, patience, surface.ends, None)
        call.outage = Outage(patience, lambda: self.now, lambda: 0.5)
        return call

    def _after(self, cursor: int) -> bytes:
        if isinstance(self.stream, dict):
            return b"".join(frame for number, frame in self.stream.items() if number > cursor)
        blocks = Splitter().feed(self.stream)
        return b"".join(b.raw for b in blocks if b.id is None or int(b.id) > cursor)


def refusing(status: int, body: bytes = b"", **headers: str) -> Plan:
    """A plan of a status that is no stream, by nobody in particular."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Plan(
        status=status, body=body, headers={"x-request-id": "other", "content-type": "", **named}
    )

"""A campaign: requests made, sent, judged and counted."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from tests.fuzz.aftermath import faults_after, look
from tests.fuzz.checks import FAILURES, Exchange, failure_of, faults_of
from tests.fuzz.contract import Contract
from tests.fuzz.described import described
from tests.fuzz.drawing import draw, mix, shares
from tests.fuzz.garbage import garbage
from tests.fuzz.guesses import attachments, doubles, guesses
from tests.fuzz.odd_bodies import cut_bodies, odd_bodies
from tests.fuzz.odd_fields import odd_fields
from tests.fuzz.odd_heads import keys, odd_cursors, odd_headers, odd_targets
from tests.fuzz.request import Request
from tests.fuzz.scene import Scene
from tests.fuzz.wire import send

AT_ONCE = 16  # requests
_BATCH = 200  # requests between two looks at whether the server lives


@dataclass
class Tally:
    """What a campaign came to."""

    generators: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    accepted: set[str] = field(default_factory=set)
    faults: dict[str, list[str]] = field(default_factory=dict)  # a fault: how to see it again

    def fault(self, text: str, reproduction: str = "") -> None:
        self.faults.setdefault(text, []).append(reproduction)

    def __str__(self) -> str:
        rows = [
            *(f"{count:7} {name}" for name, count in sorted(self.generators.items())),
            f"{self.generators.total():7} requests; {len(self.accepted)} jobs accepted",
            "",
            *(f"{n:7} {_said(status)}" for status, n in sorted(self.statuses.items())),
            "",
            *(f"{count:7} {name}" for name, count in sorted(self.operations.items())),
            "",
            f"{sum(map(len, self.faults.values())):7} violations of {len(self.faults)} kinds",
        ]
        for text, reproductions in self.faults.items():
            rows += ["", f"{len(reproductions)} × {text}"]
            rows += [f"    {line}" for line in reproductions[:2] if line]
        return "\n".join(rows)


def run(
    scene: Scene, count: int, number: int, say: Callable[[str], None] = lambda _: None
) -> Tally:
    """Send ``count`` requests or a few more, drawn by this seed, and judge all that comes."""
    document = scene.document()
    requests = made(scene, document, count, number)
    say(f"{len(requests)} requests made")
    contract = Contract(document)
    tally = Tally()
    before = look(scene)
    for start in range(0, len(requests), _BATCH):
        batch = requests[start : start + _BATCH]
        for exchange in asyncio.run(_exchanged(scene, contract, batch)):
            _judge(tally, exchange, scene.url)
        if scene.intruder.call("GET", "/healthz")[0] != 200:
            tally.fault(f"/healthz does not answer after request {start + len(batch)}")
        say(f"{start + len(batch)} sent, {len(tally.faults)} kinds of violations")
    for fault in faults_after(scene, before, tally.accepted):
        tally.fault(fault)
    tally.operations.update({operation.name: 0 for operation in contract.operations})
    return tally


def made(scene: Scene, document: dict[str, object], count: int, number: int) -> list[Request]:
    """The requests of a seed, shuffled: half of the description, half our own."""
    parts = [described(scene, document, count // 2, number)]
    ours: list[tuple[int, st.SearchStrategy[Request]]] = [
        (6, odd_bodies()),
        (6, odd_fields()),
        (2, cut_bodies()),
        (3, odd_targets()),
        (4, odd_headers()),
        (3, odd_cursors(scene)),
        (1, keys()),
        (2, guesses(scene)),
        (1, attachments(scene)),
        (1, doubles(scene)),
        (3, garbage()),
    ]
    rest = max(count - len(parts[0]), count // 2)
    for share, (_, strategy) in zip(shares(rest, [w for w, _ in ours]), ours, strict=True):
        parts.append(draw(strategy, share, number))
    missing = count - sum(map(len, parts))
    if missing > 0:  # some strategies have no more to give
        parts.append(draw(odd_bodies(), missing, number + 1))
    return mix(parts, number)


async def _exchanged(
    scene: Scene, contract: Contract, requests: Sequence[Request]
) -> list[Exchange]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def exchange(request: Request) -> Exchange:
        async with gate:
            answer = await send(scene.url, request)
        return Exchange(request, answer, contract, scene.secrets)

    return list(await asyncio.gather(*map(exchange, requests)))


def _judge(tally: Tally, exchange: Exchange, url: str) -> None:
    request, answer = exchange.request, exchange.answer
    tally.generators[request.generator] += 1
    tally.statuses[answer.status] += 1
    operation = exchange.contract.find(request.method, request.path)
    if operation is not None and request.raw is None:
        tally.operations[operation.name] += 1
    if is_accepted(exchange):
        tally.accepted.add(answer.header("x-request-id") or "")
    for fault in faults_of(exchange):
        tally.fault(fault, request.reproduction(url))


def is_accepted(exchange: Exchange) -> bool:
    """Whether the answer says that there is a job now."""
    request, answer = exchange.request, exchange.answer
    if request.method != b"POST" or not answer.header("x-request-id"):
        return False
    if answer.status in (200, 202):
        return True
    body = exchange.body()
    error = body.get("error") if isinstance(body, dict) else None
    refused = isinstance(error, dict) and "provider_status" in error
    return refused or failure_of(exchange) in FAILURES


def _said(status: int) -> str:
    return str(status) if status else "none: left or cut by the caller, or no HTTP answer"

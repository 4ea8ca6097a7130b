"""Fan-out: a thousand readers follow one stream, and each must get all of it.

All are connected before the first token is due. *Paced*, for every token the time from the
first reader that had it to the last is taken. *Flood* sends more than can be delivered, which
shows how much can. "Nothing lost" is checked to the byte: all transcripts are the same.
"""

from dataclasses import dataclass

from bench.exchange import Exchange
from bench.figures import STREAMHOLD, Figure, at_least
from bench.following import begun, finish, follow
from bench.percentiles import percentile
from bench.processes import CLIENT, cpu_of, spent
from bench.run import Run
from bench.subject import Subject

_READERS_A_SECOND = 150  # as many at least must connect, on a busy machine too
_GOAL = at_least(150_000)


class Lost(Exception):
    """A reader's transcript is not whole, or not the same as the others'."""


class Spread:
    """When the first and the last reader had each token, by its place in the stream."""

    def __init__(self) -> None:
        self.first: dict[int, float] = {}
        self.last: dict[int, float] = {}

    def note(self, before: int, after: int, now: float) -> None:
        """A reader had its tokens ``before`` + 1 to ``after`` at this time."""
        for place in range(before + 1, after + 1):
            self.first.setdefault(place, now)
            self.last[place] = now

    @property
    def delays(self) -> list[float]:
        """Seconds from the first reader to the last, of each token."""
        return [self.last[place] - first for place, first in self.first.items()]

    @property
    def seconds(self) -> float:
        """From the first token that anybody had to the last."""
        return max(self.last.values()) - min(self.first.values())


@dataclass(frozen=True)
class Fan:
    """One stream, delivered."""

    spread: Spread
    readers: int
    tokens: int
    cpu: float  # seconds, of all of the subject's processes
    client: float  # seconds

    @property
    def events(self) -> int:
        return self.readers * self.tokens

    @property
    def rate(self) -> float:
        return self.events / self.spread.seconds


async def measure(run: Run) -> list[Figure]:
    """Events a second delivered, what they cost, and how far the readers lie apart."""
    plan = run.plan

    async def fan(subject: Subject, tokens: int, pace: str) -> Fan:
        return await _fan(run, subject, tokens, pace)

    paced = await run.of_each(
        "fan-out",
        lambda subject: fan(subject, plan.reader_tokens, f"interval={plan.interval_ms}ms"),
        run.followed,
    )
    flood = await run.of_each(
        "fan-out at full speed",
        lambda subject: fan(subject, plan.flood_tokens, "interval=1ms"),
        run.followed,
    )
    delays = {name: [d * 1000 for d in each.spread.delays] for name, each in paced.items()}

    def of(fans: dict[str, Fan], value: str) -> dict[str, float]:
        return {name: getattr(each, value) for name, each in fans.items()}

    note = f"{plan.readers:,} readers, nothing lost"
    busy = {name: each.client / each.spread.seconds * 100 for name, each in flood.items()}
    return [
        Figure("fan_out.events_a_second", "1/s", of(flood, "rate"), None, note, (_GOAL,)),
        Figure("fan_out.cpu", "µs/event", _cost(flood), None, "at full speed, its own processes"),
        Figure("fan_out.client_busy", "% of a core", busy, None, "at full speed"),
        Figure("fan_out.paced_events_a_second", "1/s", of(paced, "rate")),
        Figure("fan_out.paced_cpu", "µs/event", _cost(paced)),
        *(
            Figure(
                f"fan_out.first_to_last_reader_{name}",
                "ms",
                {subject: percentile(values, p) for subject, values in delays.items()},
            )
            for name, p in (("median", 50), ("p99", 99))
        ),
    ]


def _cost(fans: dict[str, Fan]) -> dict[str, float]:
    return {name: each.cpu / each.events * 1e6 for name, each in fans.items()}


async def _fan(run: Run, subject: Subject, tokens: int, pace: str) -> Fan:
    plan = run.plan
    wait = max(2.0, plan.readers / _READERS_A_SECOND)
    spread = Spread()
    async with begun(subject, f"tokens={tokens},{pace},ttft={wait:g}s") as request_id:
        readers = await follow(subject, [request_id], plan.readers, spread.note)
        if spread.first:
            raise Lost("tokens came before all readers had connected; the machine is too busy")
        used = cpu_of(subject.pids)
        done = await finish(readers)
        used = spent(used, cpu_of(subject.pids))
    _check(subject, done, tokens)
    cpu = sum(used[each] for each in subject.pids)
    return Fan(spread, len(done), tokens, cpu, used[CLIENT])


def _check(subject: Subject, done: list[Exchange], tokens: int) -> None:
    whole = done[0]
    end = b"event: end" if subject.name == STREAMHOLD else b"[DONE]"
    if whole.counter.tokens != tokens or end not in whole.last:
        raise Lost(f"{whole.counter.tokens} tokens of {tokens}: {whole.last[-200:]!r}")
    for exchange in done:
        if (exchange.length, exchange.checksum) != (whole.length, whole.checksum):
            raise Lost("two readers of one stream have different transcripts")

"""The table at the end of a run."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.neighbours.cores import Cores
from tests.neighbours.history import Assaulted, Call, History, Memory, Probed
from tests.neighbours.judge import BODIES, MEASURING, slow_looks, stalled, waits
from tests.soak.violation import Violation


def render(history: History) -> str:
    """What happened, in figures."""
    calls = history.of(Call)
    ways = Counter(call.way for call in calls)
    looks: dict[int, int] = {}
    for probed in history.of(Probed):
        looks[probed.api] = probed.looks
    slowest = max((seconds for _, seconds in slow_looks(history)), default=0.0)
    longest = max((seconds for _, _, seconds in waits(history)), default=0.0)
    events = sum(call.events for call in calls)
    lost = sum(call.lost for call in calls)
    shares = {name: stalled(history, name) or 0.0 for name in MEASURING}
    rows = [
        ("innocent calls", _listed(ways)),
        ("events", f"{events}, {sum(call.connections for call in calls)} connections"),
        ("connections lost", f"{lost}"),
        ("longest silence", f"{longest:.2f} s" if longest else "below 0.25 s"),
        ("looks at /healthz", f"{sum(looks.values())}"),
        ("slowest of them", f"{slowest * 1000:.0f} ms" if slowest else "below 100 ms"),
        *(("memory", line) for line in _memory(history)),
        ("waited for a core", _listed_shares(Cores(history).shares)),
        ("stalls discounted", _listed_shares(shares)),
        *(("attacks", line) for line in _attacks(history)),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def by_kind(violations: Sequence[Violation]) -> str:
    """How many violations of which check there were."""
    return _listed(Counter(violation.check for violation in violations))


def _memory(history: History) -> list[str]:
    most: dict[int, Memory] = {memory.pid: memory for memory in history.of(Memory)}
    return [
        f"{memory.part}: {memory.peak >> 20} MB at most, {memory.rest >> 20} MB at rest "
        f"(+ {BODIES} bodies)"
        for memory in sorted(most.values(), key=lambda memory: memory.part)
    ]


def _attacks(history: History) -> list[str]:
    strikes: Counter[str] = Counter()
    outcomes: dict[str, Counter[str]] = {}
    for assault in history.of(Assaulted):
        strikes[assault.kind] += assault.strikes
        outcomes.setdefault(assault.kind, Counter()).update(assault.outcomes)
    return [
        f"{kind:<18} {count:>6} strikes: {_listed(outcomes[kind])}"
        for kind, count in sorted(strikes.items())
    ]


def _listed(words: Counter[str]) -> str:
    return ", ".join(f"{word} {count}" for word, count in words.most_common() if count)


def _listed_shares(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.1%}" for name, share in shares.items())

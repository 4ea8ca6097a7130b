"""The table at the end of a run."""

from collections import Counter
from collections.abc import Iterable, Mapping

from tests.soak.history import History

_FENCED = "streamhold_fenced_appends_total"


def render(history: History, said: Mapping[str, int]) -> str:
    """What happened, in counts; ``said`` are log events and how often they were logged."""
    reads = [read for read in history.reads if read.reader >= 0]
    records = [final.record for final in history.finals if final.record is not None]
    calls = sum(final.calls for final in history.finals if final.record is not None)
    attempts = [attempt for record in records for attempt in record["attempts"]]
    states = Counter(f"{record['state']}" for record in records)
    states["deleted"] = len(history.finals) - len(records)
    done = Counter(fault.kind for fault in history.faults if fault.done)
    rows = [
        ("jobs", _total(states), _listed(states)),
        ("failures", *_counted((r["error"] or {}).get("type", "") for r in records if r["error"])),
        ("calls", *_counted(f"{call.kind}" for call in history.calls)),
        ("answers", *_counted(str(call.status or "none") for call in history.calls)),
        ("readings", *_counted(f"{read.view}" for read in reads)),
        ("endings", *_counted(read.ending for read in reads)),
        ("resumes", str(resumes(history)), "connections that went on after a cursor"),
        ("attempts", *_counted(str(attempt["outcome"]) for attempt in attempts)),
        ("rescues", str(rescues(history)), "leases that expired under a job"),
        ("provider calls", str(calls), "of the jobs that have a record"),
        ("faults", _total(done), _listed(done)),
        ("logged", "", _listed(Counter(said))),
        ("fenced appends", _metric(history, _FENCED), "of the processes left at the end"),
        ("longest silence", f"{max((r.silence for r in reads), default=0):.1f} s", "of a reader"),
    ]
    width = max(len(name) for name, _, _ in rows)
    return "\n".join(
        f"{name:<{width}}  {number:>8}  {text}".rstrip() for name, number, text in rows
    )


def rescues(history: History) -> int:
    """Leases that expired under a job, and were taken over."""
    return sum(final.losses for final in history.finals)


def resumes(history: History) -> int:
    """Connections of readers that went on after a cursor."""
    return sum(1 for read in history.reads if read.reader >= 0 and read.after)


def _metric(history: History, name: str) -> str:
    value = history.counts.get(name)
    return "-" if value is None else f"{value:g}"


def _counted(words: Iterable[str]) -> tuple[str, str]:
    counts = Counter(words)
    return _total(counts), _listed(counts)


def _total(counts: Counter[str]) -> str:
    return str(counts.total())


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{word} {count}" for word, count in counts.most_common() if count)

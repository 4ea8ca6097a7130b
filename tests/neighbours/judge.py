"""What a history must show. Each check yields its violations, with the attacks of that time.

A wait is judged without the stalls of the processes that measured it and of its provider: see
``lag``. After a worker was killed by the plan its streams may wait for the lease to run out.
"""

from collections.abc import Callable, Iterator

from tests.neighbours import provider
from tests.neighbours.cores import Cores
from tests.neighbours.course import LEASE, MAX_BODY
from tests.neighbours.history import (
    Assaulted,
    Call,
    Ended,
    Fault,
    History,
    Memory,
    Probe,
    Probed,
    Settled,
    Span,
    Stall,
    Watched,
)
from tests.neighbours.lag import Stalls
from tests.soak.violation import Violation

SILENCE = 1.0  # seconds that an innocent reader may wait, for its first event as for any other
HEALTH = 0.25  # seconds that /healthz may take
BODIES = 12  # times the largest body a process may grow above its rest
# Seconds from the death of a worker to the next one's first event: its lease, once more where
# the rescuers were held up themselves, and the time to take the job over.
RESCUED = 2 * LEASE + 1.5
LINGERS = 5.0  # seconds after its end that an attack may still be what hurts
STALLED = 0.35  # of its time that a process of the harness may stall; more proves nothing
MEASURING = ("innocent", "prober", provider.NAME)
_APIS = 2

Check = Callable[[History], Iterator[Violation]]


def judge(history: History) -> list[Violation]:
    """All violations, check by check."""
    return [violation for check in CHECKS for violation in check(history)]


def check_calls(history: History) -> Iterator[Violation]:
    """Every innocent call completed, whole and in order."""
    for call in history.of(Call):
        if call.problem:
            span = (call.begun, call.ended)
            yield Violation(
                "call", call.job, f"{_told(call)}: {call.problem}{during(history, span)}"
            )


def check_silence(history: History) -> Iterator[Violation]:
    """No innocent caller waited longer than the bound."""
    cores = Cores(history)
    for call, gap, seconds in waits(history):
        if seconds > SILENCE + _grace(history, gap):
            where = f"{gap[0] - call.begun:.1f} s after its begin"
            text = f"{_told(call)}: nothing for {seconds:.2f} s, {where}{cores.during(gap)}"
            yield Violation("silence", call.job, text + during(history, gap))


def waits(history: History) -> Iterator[tuple[Call, Span, float]]:
    """Every wait that was noted, and its seconds without stalls."""
    stalls = _stalls(history, ("innocent", provider.NAME))
    for call in history.of(Call):
        for gap in call.gaps:
            yield call, gap, stalls.without(gap)


def check_health(history: History) -> Iterator[Violation]:
    """``/healthz`` answered 200 within its bound, every time."""
    cores = Cores(history)
    for probe, seconds in slow_looks(history):
        if probe.status != 200 or seconds > HEALTH:
            span = (probe.begun, probe.ended)
            text = f"{probe.status or 'no answer'} after {seconds * 1000:.0f} ms"
            text += cores.during(span)
            yield Violation("healthz", f"api-{probe.api}", text + during(history, span))


def slow_looks(history: History) -> Iterator[tuple[Probe, float]]:
    """The looks that were noted, and their seconds without stalls."""
    stalls = _stalls(history, ("prober",))
    for probe in history.of(Probe):
        yield probe, stalls.without((probe.begun, probe.ended))


def check_memory(history: History) -> Iterator[Violation]:
    """No process grew by more than the bound."""
    beyond: dict[int, list[Memory]] = {}
    for memory in history.of(Memory):
        if memory.peak > memory.rest + BODIES * MAX_BODY:
            beyond.setdefault(memory.pid, []).append(memory)
    for grown in beyond.values():
        most = grown[-1]
        text = f"{_mb(most.peak)}, at rest {_mb(most.rest)}; beyond the bound from here on"
        yield Violation("memory", most.part, text + during(history, (grown[0].at, most.at)))


def check_processes(history: History) -> Iterator[Violation]:
    """No process of the deployment ended, but for those that the plan killed."""
    for ended in history.of(Ended):
        if not ended.planned:
            text = f"process {ended.pid} ended" + during(history, (ended.at, ended.at))
            yield Violation("process", ended.part, text)


def check_provider_calls(history: History) -> Iterator[Violation]:
    """One provider call each; after a planned kill one more, if it is recorded."""
    for call, settled in _settled(history):
        allowed = 1 + len(_kills(history, (call.begun, call.ended)))
        if settled.calls != len(settled.attempts) or not 1 <= settled.calls <= allowed:
            text = f"{settled.calls} provider calls, attempts {settled.attempts}"
            span = (call.begun, call.ended)
            yield Violation("calls", call.job, text + during(history, span))


def check_records(history: History) -> Iterator[Violation]:
    """Every record says completed, by the first target; whatever came before was a lost worker."""
    for call, settled in _settled(history):
        *lost, last = settled.attempts or [("", "")]
        sound = settled.state == last[1] == "completed" and last[0].startswith("steady")
        if not sound or any(outcome != "lost" for _, outcome in lost):
            text = f"{settled.state or 'no record'}, attempts {settled.attempts}"
            span = (call.begun, call.ended)
            yield Violation("record", call.job, text + during(history, span))


def check_faults(history: History) -> Iterator[Violation]:
    """No log has a defect, and everything ended as it should."""
    for fault in history.of(Fault):
        yield Violation(fault.what, "-", fault.text)


def check_evidence(history: History) -> Iterator[Violation]:
    """The run shows something: all was measured, and every assault struck."""
    jobs = {settled.job for settled in history.of(Settled)}
    calls = history.of(Call)
    missing = [call.job for call in calls if call.job not in jobs]
    if not calls or missing:
        yield Violation("evidence", "-", f"{len(calls)} calls, {len(missing)} of them not settled")
    for api in range(_APIS):
        if not any(probed.api == api for probed in history.of(Probed)):
            yield Violation("evidence", f"api-{api}", "nobody looked at its /healthz")
    if not history.of(Memory):
        yield Violation("evidence", "-", "no memory was measured")
    if not history.of(Assaulted):
        yield Violation("evidence", "-", "nothing was attacked")
    for assault in history.of(Assaulted):
        if not assault.outcomes or set(assault.outcomes) <= {"cut off"}:
            text = f"{assault.strikes} strikes, none of which arrived: {assault.outcomes}"
            yield Violation("evidence", assault.kind, text)
    for process in MEASURING:
        share = stalled(history, process)
        if share is None or share > STALLED:
            text = "did not measure its stalls" if share is None else f"stalled {share:.0%}"
            yield Violation("evidence", process, text)


def stalled(history: History, process: str) -> float | None:
    """The share of its time in which a process of the harness did not run."""
    watched = max((w.seconds for w in history.of(Watched) if w.process == process), default=0.0)
    if not watched:
        return None
    return _stalls(history, (process,)).seconds / watched


def during(history: History, span: Span) -> str:
    """The attacks that were on, or just over; else the last one before."""
    on = [
        f"{assault.kind} #{assault.number}"
        for assault in history.of(Assaulted)
        if assault.begun <= span[1] and assault.ended + LINGERS >= span[0]
    ]
    killed = [f"kill of {ended.part}" for ended in _kills(history, span)]
    if not on + killed:
        before = [assault for assault in history.of(Assaulted) if assault.ended < span[0]]
        last = max(before, key=lambda assault: assault.ended, default=None)
        if last is None:
            return " [before any attack]"
        on = [f"{span[0] - last.ended:.0f} s after {last.kind} #{last.number}"]
    return f" [{', '.join(on + killed)}]"


def _settled(history: History) -> Iterator[tuple[Call, Settled]]:
    """Calls that went well and what is left of them; what did not is another check's."""
    found = {settled.job: settled for settled in history.of(Settled)}
    for call in history.of(Call):
        if call.job in found and not call.problem:
            yield call, found[call.job]


def _kills(history: History, span: Span) -> list[Ended]:
    """The planned kills that a span may have felt."""
    return [
        ended
        for ended in history.of(Ended)
        if ended.planned and ended.at <= span[1] and ended.at + RESCUED >= span[0]
    ]


def _grace(history: History, gap: Span) -> float:
    return RESCUED * len(_kills(history, gap))


def _stalls(history: History, processes: tuple[str, ...]) -> Stalls:
    return Stalls((s.begun, s.ended) for s in history.of(Stall) if s.process in processes)


def _told(call: Call) -> str:
    return f"{call.way} of {call.model}"


def _mb(size: int) -> str:
    return f"{size >> 20} MB"


CHECKS: tuple[Check, ...] = (
    check_calls,
    check_silence,
    check_health,
    check_memory,
    check_processes,
    check_provider_calls,
    check_records,
    check_faults,
    check_evidence,
)

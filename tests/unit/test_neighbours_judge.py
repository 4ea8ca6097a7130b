"""Each check of a hostile run finds what it is there to find, and nothing in a healthy run."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tests.neighbours import judge as judging
from tests.neighbours.cores import Cores
from tests.neighbours.course import MAX_BODY
from tests.neighbours.history import (
    Assaulted,
    Call,
    Ended,
    Fault,
    History,
    Line,
    Memory,
    Probe,
    Probed,
    Settled,
    Stall,
    Waiting,
    Watched,
)
from tests.neighbours.judge import CHECKS, judge
from tests.neighbours.summary import render
from tests.soak.violation import Violation

Check = Callable[[History], Iterator[Violation]]

REST = 50 << 20
BOUND = REST + 12 * MAX_BODY
CALL = Call(job="j", way="stream", model="m", api=0, begun=10.0, ended=20.0, gaps=[])
SETTLED = Settled(job="j", calls=1, state="completed", attempts=[("steady", "completed")])
ASSAULT = Assaulted(
    number=3, kind="body-keys", begun=11.0, ended=19.0, strikes=5, outcomes={"413": 5}
)
TWICE = Settled(
    job="j", calls=2, state="completed", attempts=[("steady", "lost"), ("steady", "completed")]
)
KILL = Ended(part="worker-0", pid=7, at=15.0, planned=True)


def changed(line: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(line, **fields)


def gap(begun: float, ended: float) -> Call:
    return Call(**{**msgspec.structs.asdict(CALL), "gaps": [(begun, ended)]})


def stall(process: str, begun: float, ended: float) -> Stall:
    return Stall(process=process, begun=begun, ended=ended)


def probe(ended: float, status: int = 200) -> Probe:
    return Probe(api=0, begun=15.0, ended=ended, status=status)


def memory(peak: int) -> Memory:
    return Memory(part="api-0", pid=5, at=15.0, peak=peak, rest=REST)


def run(*more: Line, without: tuple[Line, ...] = ()) -> History:
    """A healthy run with these lines more, each in the place of its like."""
    healthy: list[Line] = [
        *(CALL, SETTLED, ASSAULT, memory(REST)),
        *(Probed(api=api, looks=400) for api in (0, 1)),
        *(Watched(process=process, seconds=20.0) for process in judging.MEASURING),
    ]
    replaced = tuple(type(line) for line in more if isinstance(line, Call | Settled))
    kept = [line for line in healthy if line not in without and not isinstance(line, replaced)]
    return History([*kept, *more])


BROKEN: list[tuple[str, Check, History]] = [
    ("it failed", judging.check_calls, run(changed(CALL, problem="answered with 503"))),
    ("a long silence", judging.check_silence, run(gap(14.0, 15.01))),
    ("nobody stalled then", judging.check_silence, run(gap(14.0, 15.3), stall("innocent", 16, 18))),
    ("the prober's stall", judging.check_silence, run(gap(14.0, 15.3), stall("prober", 14, 15))),
    ("one stall, seen twice", judging.check_silence, run(
        gap(14.0, 15.5), stall("innocent", 14.0, 14.3), stall("provider", 14.0, 14.3)
    )),
    ("longer than a rescue", judging.check_silence, run(gap(14.9, 21.6), KILL)),
    ("a kill long before", judging.check_silence, run(gap(21.0, 22.5), KILL)),
    ("slow", judging.check_health, run(probe(15.26))),
    ("refused", judging.check_health, run(probe(15.01, 503))),
    ("no answer", judging.check_health, run(probe(15.2, 0))),
    ("stalled a little", judging.check_health, run(probe(16.0), stall("prober", 15.0, 15.7))),
    ("too large", judging.check_memory, run(memory(BOUND + 1))),
    ("too large once", judging.check_memory, run(memory(BOUND + 1), memory(BOUND + 1))),
    ("died", judging.check_processes, run(changed(KILL, planned=False))),
    ("called twice", judging.check_provider_calls, run(changed(SETTLED, calls=2))),
    ("never called", judging.check_provider_calls, run(changed(SETTLED, calls=0, attempts=[]))),
    ("called twice, recorded", judging.check_provider_calls, run(TWICE)),
    ("recorded, not called", judging.check_provider_calls, run(changed(TWICE, calls=1), KILL)),
    ("called thrice", judging.check_provider_calls, run(changed(TWICE, calls=3), KILL)),
    ("cancelled", judging.check_records, run(changed(SETTLED, state="cancelled"))),
    ("no record", judging.check_records, run(changed(SETTLED, state="", attempts=[]))),
    ("another target", judging.check_records, run(
        changed(SETTLED, attempts=[("reserve", "completed")])
    )),
    ("failed before", judging.check_records, run(
        changed(TWICE, attempts=[("steady", "failed"), ("steady", "completed")])
    )),
    ("a defect", judging.check_faults, run(Fault(what="log", text="Traceback"))),
    ("no calls", judging.check_evidence, run(without=(CALL,))),
    ("not settled", judging.check_evidence, run(without=(SETTLED,))),
    ("no looks", judging.check_evidence, run(without=(Probed(api=1, looks=400),))),
    ("no attack", judging.check_evidence, run(without=(ASSAULT,))),
    ("no memory", judging.check_evidence, run(without=(memory(REST),))),
    ("no attack arrived", judging.check_evidence, run(
        changed(ASSAULT, outcomes={"cut off": 5}), without=(ASSAULT,)
    )),
    ("a client that stalled", judging.check_evidence, run(stall("innocent", 10.0, 18.0))),
    ("stalls unknown", judging.check_evidence, run(
        without=(Watched(process="provider", seconds=20.0),)
    )),
]  # fmt: skip

HEALTHY: list[tuple[str, History]] = [
    ("nothing", run()),
    ("a short silence", run(gap(14.0, 14.99))),
    ("its reader stalled", run(gap(14.0, 15.5), stall("innocent", 14.2, 14.8))),
    ("its provider stalled", run(gap(14.0, 15.5), stall("provider", 13.0, 14.6))),
    ("both in turn", run(
        gap(14.0, 15.5), stall("provider", 14.0, 14.3), stall("innocent", 14.2, 14.6)
    )),
    ("a planned kill", run(gap(14.9, 21.2), TWICE, KILL)),
    ("a slow look of a stalled prober", run(probe(15.8), stall("prober", 14.5, 15.7))),
    ("a look in time", run(probe(15.2))),
    ("as large as may be", run(memory(BOUND))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "history"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN]
)
def test_a_check_finds_its_violation_and_no_other_does(check: Check, history: History) -> None:
    assert list(check(history))
    others = [each for each in CHECKS if each is not check]
    if check is not judging.check_evidence:
        assert not [v for each in others for v in each(history)] or check in (
            judging.check_provider_calls,
            judging.check_records,
        )


@pytest.mark.parametrize("history", [each[1] for each in HEALTHY], ids=[e[0] for e in HEALTHY])
def test_a_healthy_run_violates_nothing(history: History) -> None:
    assert judge(history) == []
    assert "longest silence" in render(history)


def test_a_violation_names_the_attack_that_was_on() -> None:
    (silence,) = judge(run(gap(14.0, 15.5)))
    assert str(silence).endswith("[body-keys #3]")
    (late,) = judge(run(changed(CALL, gaps=[(40.0, 41.5)], ended=50.0)))
    assert str(late).endswith("[21 s after body-keys #3]")
    (early,) = judge(run(changed(CALL, gaps=[(5.0, 6.5)], begun=5.0)))
    assert str(early).endswith("[before any attack]")
    (killed,) = judge(run(gap(14.9, 21.6), TWICE, KILL))
    assert str(killed).endswith("[body-keys #3, kill of worker-0]")


def waiting(part: str, *points: tuple[float, float]) -> list[Line]:
    return [Waiting(part=part, pid=len(part), at=at, seconds=sum_) for at, sum_ in points]


def test_a_violation_names_who_waited_for_a_core() -> None:
    lines = [
        *waiting("api-0", (13.0, 1.0), (13.9, 1.1), (14.5, 1.2), (15.6, 1.3), (18.0, 3.0)),
        *waiting("worker-0", (13.0, 5.0), (13.9, 5.0), (14.5, 5.5), (15.6, 5.7), (18.0, 9.0)),
        *waiting("worker-1.", (17.0, 0.0), (18.0, 1.0)),
    ]
    (silence,) = judge(run(gap(14.0, 15.5), *lines))
    assert "worker-0 waited 0.70 s for a core [" in str(silence)
    shares = Cores(History(lines)).shares
    assert shares == {"api-0": 0.4, "worker-0": 0.8, "worker-1.": 1.0}


def test_every_check_is_tried() -> None:
    assert {check for _, check, _ in BROKEN} == set(CHECKS)

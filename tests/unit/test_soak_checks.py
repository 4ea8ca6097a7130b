"""Each check of the soak finds what it is there to find, and nothing in a healthy run."""

from collections.abc import Callable, Iterator

import pytest

from tests.soak import record_checks as records
from tests.soak import stream_checks as streams
from tests.soak.checks import CHECKS, judge
from tests.soak.history import Counted, History, Line, Listed, Noted
from tests.soak.violation import Violation
from tests.unit.soak_history import (
    CHAT,
    JOB,
    NATIVE,
    SAID,
    attempt,
    call,
    final,
    history,
    look,
    read,
    record,
    with_record,
)

Check = Callable[[History], Iterator[Violation]]

_CUT = {"type": "provider_cut"}
_TWO = (attempt(1, "failed", error={"type": "provider_error"}), attempt(2))

BROKEN: list[tuple[str, Check, History]] = [
    ("never ended", records.check_ends, history(last=with_record(state="running"))),
    ("vanished", records.check_ends, history(last=final(record=None, status=404))),
    ("no terminal", records.check_ends, History([call(), final()])),
    ("made twice", records.check_made, history(call())),
    ("a gap", streams.check_numbers, history(native=[NATIVE[0], *NATIVE[2:]])),
    ("a cursor beyond", streams.check_numbers, history(last=with_record(cursor=5))),
    ("other bytes", streams.check_transcripts, history(read([(1, "attempt"), (2, "x")], 5))),
    ("one left out", streams.check_transcripts, history(read([NATIVE[0], NATIVE[2]], 5))),
    ("one doubled", streams.check_transcripts, history(read([*CHAT, CHAT[-1]], 5, "chat"))),
    ("vanished since", streams.check_transcripts, history(read([*NATIVE, (5, "more")], 5))),
    ("ended early", streams.check_transcripts, history(read(NATIVE[:3], 5))),
    ("a clean end", streams.check_transcripts, history(read(NATIVE[:3], 5, ending="clean"))),
    ("a broken id", streams.check_transcripts, history(read([], 5, ending="broken"))),
    ("disagreement", streams.check_agreement, history(read([(3, "c")], 5))),
    ("refused, yet completed", streams.check_statuses, history(call("whole", 502))),
    ("a defect", streams.check_statuses, history(call("result", 500))),
    ("a defect read", streams.check_statuses, history(read([], 5, status=500, ending="status"))),
    ("not found", streams.check_statuses, history(call("look", 404))),
    (
        "a 204 before the end",
        streams.check_statuses,
        history(read([], 5, status=204, ending="status")),
    ),
    (
        "another failure",
        streams.check_statuses,
        history(call("whole", 504), last=final(record=record(state="failed"), result_status=502)),
    ),
    ("called twice", records.check_calls, history(last=final(calls=2))),
    ("never called", records.check_calls, history(last=final(calls=0))),
    ("one call too few", records.check_calls, history(last=final(record=record(*_TWO), told=2))),
    ("unsettled", records.check_calls, history(last=final(record=record(attempt(1, None))))),
    ("out of order", records.check_calls, history(last=final(record=record(attempt(2))))),
    ("never told", records.check_calls, history(last=final(told=0))),
    ("a wrong sum", records.check_usage, history(last=with_record(usage=None))),
    ("final, then not", records.check_states, history(look("running", 3.0))),
    ("a cursor that fell", records.check_states, history(look("completed", 3.0, 3))),
    ("another text", records.check_answers, history(last=final(said=SAID.replace("}", " }")))),
    ("two finishes", records.check_answers, history(last=final(finishes=2))),
    ("no result", records.check_answers, history(last=final(result=None, result_status=410))),
    ("two results", records.check_answers, history(call("whole", 200, body="other"))),
    ("not listed", records.check_list, history(Listed(jobs=[]))),
    ("listed twice", records.check_list, history(Listed(jobs=[JOB, JOB]))),
    (
        "still queued",
        records.check_leftovers,
        history(Counted(name="streamhold_queued_jobs", value=1)),
    ),
    (
        "still called",
        records.check_leftovers,
        history(Counted(name="provider_open_calls", value=1)),
    ),
    (
        "a defect logged",
        records.check_parts,
        history(Noted(at=1.0, kind="defect", part="api-0", text="Traceback")),
    ),
]


def test_a_healthy_run_has_no_violation() -> None:
    assert judge(history()) == []


@pytest.mark.parametrize(
    ("check", "broken"), [row[1:] for row in BROKEN], ids=[name for name, _, _ in BROKEN]
)
def test_a_violation_is_found(check: Check, broken: History) -> None:
    assert list(check(broken))
    assert judge(broken)


def test_every_check_is_known_to_be_able_to_fail() -> None:
    assert {check for _, check, _ in BROKEN} == set(CHECKS)


@pytest.mark.parametrize(
    ("calls", "attempts"),
    [
        (1, (attempt(1, "lost"), attempt(2))),
        (2, (attempt(1, "lost"), attempt(2))),
        (1, (attempt(1, "failed", error=_CUT), attempt(2))),
        (1, (attempt(1, "handed_over"), attempt(2))),
        (2, _TWO),
    ],
)
def test_attempts_that_may_not_have_reached_the_provider(
    calls: int, attempts: tuple[dict[str, object], ...]
) -> None:
    last = final(record=record(*attempts), calls=calls, told=2)
    assert judge(history(last=last)) == []


def test_what_was_deleted_may_be_gone() -> None:
    lines: list[Line] = [
        call("delete", 204),
        look("cancelled", 1.0),
        read([], 4, status=410, ending="status"),
    ]
    gone = final(deleted=True, status=410, record=None, result=None, said="{}", finishes=0)
    assert judge(History([call(), *lines, gone])) == []


def test_looks_at_the_same_time_may_come_in_any_order() -> None:
    lines = [look("completed", 3.0), look("completed", 3.05)]
    assert list(records.check_states(History([lines[1], lines[0]]))) == []

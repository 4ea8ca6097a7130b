"""The ledger: what a record is told of a job's attempts, and what they cost."""

from typing import Any

import msgspec
import pytest

from broker.dialects.chat import Transcript
from broker.frames import Kind, data_frame
from broker.model import Attempt, Failure, Job, JobState
from broker.routing import Run, Target
from broker.store.record import CALLING_TOLD
from workers.ledger import Ledger

A, B = Target("one", "a"), Target("two", "b")
RETRY = Failure("provider_error", "It fell over.")
PROMPT = 1  # tokens
ESTIMATED = {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1, "estimated": True}


def job(*attempts: Attempt, **fields: Any) -> Job:
    return Job(
        "k", "acme", "r1", "chat", "m", JobState.RUNNING, 0, attempts=list(attempts), **fields
    )


def attempt(number: int, target: Target = A, **fields: Any) -> Attempt:
    return Attempt(number, target.provider, target.model, 1.0, **fields)


UNKNOWN = Target("", "")  # of an attempt that only its claim tells of


def recorded(fields: list[tuple[str, bytes]]) -> dict[str, Attempt]:
    """The attempts among the fields."""
    return {
        name: msgspec.json.decode(value, type=Attempt)
        for name, value in fields
        if name.startswith("attempt:")
    }


def opened(ledger: Ledger, target: Target = A, **mode: Any) -> list[tuple[str, bytes]]:
    """Begin an attempt; the fields that record it."""
    _, fields = ledger.begin(Run(target, 0.0, **mode))
    ledger.opened()
    return fields


def said(*texts: str) -> Transcript:
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": t}, "finish_reason": None}]} for t in texts
    ]
    return Transcript.of([data_frame(Kind.DIALECT, msgspec.json.encode(each)) for each in chunks])


def test_the_first_attempt_clears_the_claim_s_mark_and_is_recorded() -> None:
    ledger = Ledger(job())
    frame, fields = ledger.begin(Run(A, 0.0))
    assert frame.kind == Kind.NATIVE
    assert fields[0] == CALLING_TOLD
    assert list(recorded(fields)) == ["attempt:1"]
    ledger.opened()
    assert ledger.told
    assert (ledger.count, len(ledger.tried)) == (1, 1)
    assert ledger.take_fields() == []


def test_an_attempt_that_was_never_opened_did_not_happen() -> None:
    """The pen had ended: nothing was written, nobody called."""
    ledger = Ledger(job())
    ledger.begin(Run(A, 0.0))
    ledger.end("failed", RETRY)
    assert (ledger.count, recorded(ledger.take_fields())) == (0, {})


def test_an_end_is_recorded_once_with_what_the_provider_said() -> None:
    ledger = Ledger(job())
    opened(ledger)
    ledger.reply.usage, ledger.reply.provider_id = {"total_tokens": 3}, "chatcmpl-1"
    ledger.end("failed", RETRY)
    ledger.end("cancelled")  # too late
    (end,) = recorded(ledger.take_fields()).values()
    assert (end.outcome, end.error, end.usage) == ("failed", RETRY, {"total_tokens": 3})
    assert (end.provider_id, ledger.unmeasured) == ("chatcmpl-1", False)


def test_no_record_grows_by_what_a_provider_says_of_a_call() -> None:
    ledger = Ledger(job())
    opened(ledger)
    ledger.reply.events, ledger.reply.provider_id = 5, "x" * 9999
    ledger.reply.usage = {"total_tokens": 3, "x": "x" * 16_384}
    assert ledger.known() == []
    ledger.end("completed")
    (end,) = recorded(ledger.take_fields()).values()
    assert (end.provider_id, end.usage, ledger.unmeasured) == (None, None, True)
    ledger.settle(PROMPT, Transcript())
    (settled,) = recorded(ledger.take_fields()).values()
    assert settled.usage is not None
    assert settled.usage["estimated"] is True


def test_the_next_attempt_is_told_what_it_comes_after() -> None:
    ledger = Ledger(job())
    opened(ledger)
    ledger.end("failed", RETRY)
    frame, fields = ledger.begin(Run(B, 0.0, "continue"))
    assert b'"mode":"continue","after":{"outcome":"failed","error":"provider_error"}' in frame.body
    assert list(recorded(fields)) == ["attempt:1", "attempt:2"]


def test_what_a_lost_holder_left_open_is_ours_to_settle() -> None:
    ledger = Ledger(job(attempt(1), losses=1))
    ledger.settle(PROMPT, Transcript())
    (lost,) = recorded(ledger.take_fields()).values()
    assert (lost.outcome, lost.usage) == ("lost", ESTIMATED)
    assert ledger.usage() == ESTIMATED


def test_an_attempt_handed_over_is_estimated_by_its_next_holder() -> None:
    ledger = Ledger(job(attempt(1, outcome="handed_over")))
    assert recorded(ledger.take_fields()) == {}  # its end is on record
    ledger.settle(PROMPT, said("Hello there"))
    (one,) = recorded(ledger.take_fields()).values()
    assert one.outcome == "handed_over"
    assert one.usage == {**ESTIMATED, "completion_tokens": 3, "total_tokens": 4}


def test_a_claim_that_told_nothing_stands_as_an_attempt_and_costs_nothing_known() -> None:
    ledger = Ledger(job(attempt(1, UNKNOWN, outcome="lost"), losses=1))
    ledger.settle(PROMPT, Transcript())
    (unknown,) = recorded(ledger.take_fields()).values()
    assert (unknown.outcome, unknown.provider, unknown.usage) == ("lost", "", None)
    assert (ledger.count, ledger.usage()) == (1, None)


def test_a_silent_claim_in_between_does_not_hide_what_is_to_be_settled() -> None:
    """The holder before the last called and was lost; the last was lost before it told."""
    ledger = Ledger(job(attempt(1), attempt(2, UNKNOWN, outcome="lost"), losses=2))
    ledger.settle(PROMPT, said("Hello there"))
    settled = recorded(ledger.take_fields())
    assert settled["attempt:1"].usage is not None
    assert settled["attempt:1"].usage["completion_tokens"] == 3
    assert settled["attempt:2"].usage is None


@pytest.mark.parametrize(
    ("outcome", "reply_events", "text", "estimated"),
    [
        ("failed", 0, "", False),  # it never answered
        ("failed", 2, "", True),  # held back or swallowed
        ("failed", 0, "Hi", True),
        ("cancelled", 0, "", True),  # its prompt was read, surely
        ("completed", 0, "Hi", True),
    ],
)
def test_who_is_estimated(outcome: str, reply_events: int, text: str, estimated: bool) -> None:
    ledger = Ledger(job())
    opened(ledger)
    ledger.reply.events = reply_events
    ledger.end(outcome)
    assert ledger.unmeasured
    ledger.settle(PROMPT, said(text) if text else Transcript())
    usage = ledger.usage()
    assert (usage is not None and usage["estimated"]) is estimated


def test_nothing_is_estimated_twice() -> None:
    ledger = Ledger(job(attempt(1)))
    ledger.settle(PROMPT, Transcript())
    ledger.settle(PROMPT, said("Hello there"))
    assert ledger.usage() == ESTIMATED


def test_without_its_request_the_answer_alone_is_estimated() -> None:
    ledger = Ledger(job(attempt(1)))
    ledger.settle(None, said("Hello there"))
    assert ledger.usage() == {
        "prompt_tokens": 0,
        "completion_tokens": 3,
        "total_tokens": 3,
        "estimated": True,
    }


def test_what_is_settled_after_the_terminal_comes_with_the_sum() -> None:
    before = attempt(1, outcome="failed", usage={"total_tokens": 100})
    ledger = Ledger(job(before, attempt(2)))
    ledger.take_fields()  # the terminal's
    assert ledger.late() == []
    ledger.settle(PROMPT, Transcript())
    fields = dict(ledger.late())
    assert list(fields) == ["attempt:2", "usage"]
    assert msgspec.json.decode(fields["usage"])["total_tokens"] == 101


def test_usage_is_summed_from_the_last_retry_on() -> None:
    before = attempt(1, outcome="failed", usage={"total_tokens": 100})
    after = attempt(2, outcome="failed", usage={"total_tokens": 2})
    ledger = Ledger(job(before, after, spent=1))
    opened(ledger)
    ledger.reply.usage = {"total_tokens": 3}
    ledger.end("completed")
    assert ledger.usage() == {"total_tokens": 5}
    assert [each.number for each in ledger.tried] == [2, 3]


def test_leaving_tells_the_record_of_the_hand_over() -> None:
    ledger = Ledger(job())
    opened(ledger)
    (left,) = recorded(ledger.leave()).values()
    assert (left.outcome, left.error) == ("handed_over", None)
    assert ledger.leave() == []


def test_leaving_before_any_attempt_clears_the_mark() -> None:
    assert Ledger(job()).leave() == [CALLING_TOLD]


def test_what_the_store_lost_is_told_again() -> None:
    ledger = Ledger(job(attempt(1)))
    opened(ledger)
    ledger.end("failed", RETRY)
    ledger.take_fields()
    opened(ledger, B)
    ledger.lose()
    fields = ledger.take_fields()
    assert fields[0] == CALLING_TOLD
    assert {name: each.outcome for name, each in recorded(fields).items()} == {
        "attempt:1": "lost",
        "attempt:2": "failed",
    }


def test_closing_tells_what_the_record_lacks_and_the_sum() -> None:
    ledger = Ledger(job(claims=1))
    opened(ledger)
    ledger.reply.usage = {"total_tokens": 2}
    ledger.end("failed", RETRY)
    opened(ledger, B)
    ledger.end("cancelled")
    ledger.settle(PROMPT, Transcript())
    known = ledger.tried[0]
    fields = ledger.closing(job(known, attempt(2, B), claims=1))
    assert {name: each.outcome for name, each in recorded(fields).items()} == {"attempt:2": "lost"}
    assert msgspec.json.decode(dict(fields)["usage"]) == {**ESTIMATED, "total_tokens": 3}
    assert CALLING_TOLD in fields


@pytest.mark.parametrize(
    ("state", "outcome"), [(JobState.COMPLETED, "lost"), (JobState.CANCELLED, "completed")]
)
def test_what_the_stream_does_not_have_did_not_complete(state: JobState, outcome: str) -> None:
    """The provider had answered whole, and the store had given the job to another by then."""
    ledger = Ledger(job(claims=1))
    opened(ledger)
    ledger.reply.usage = {"total_tokens": 2}
    ledger.end("completed")
    ended = job(Attempt(1, "", "", 1.0, outcome="lost"), attempt(2, B), claims=2)
    ended.state = state
    assert ledger.owes(ended)
    fields = recorded(ledger.closing(ended))
    assert {name: (each.outcome, each.usage) for name, each in fields.items()} == {
        "attempt:1": (outcome, {"total_tokens": 2})
    }
    assert not ledger.owes(job(attempt(1), claims=2))


def test_closing_adds_what_an_attempt_cost_whose_end_is_known() -> None:
    """Its holder recorded the end, and died before it had measured the stream."""
    ended = attempt(1, outcome="cancelled")
    ledger = Ledger(job(ended, claims=1))
    ledger.settle(PROMPT, said("Hello there"))
    fields = ledger.closing(job(attempt(1, outcome="cancelled"), claims=1))
    (told,) = recorded(fields).values()
    assert (told.outcome, told.usage) == ("cancelled", ledger.usage())
    measured = attempt(1, outcome="lost", usage={"total_tokens": 9})
    assert recorded(ledger.closing(job(measured, claims=1))) == {}, "another was faster"


def test_closing_after_a_later_claim_leaves_its_mark_alone() -> None:
    ledger = Ledger(job(claims=1))
    opened(ledger)
    ledger.end("cancelled")
    assert CALLING_TOLD not in ledger.closing(job(attempt(1), claims=2))

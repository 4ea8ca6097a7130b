"""What must be true of any run, whatever was struck: pure functions over its history.

Each check gives its violations; ``judge`` runs them all. Letters are those of the table that
the soak prints.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from tests.soak.history import Call, Final, History, Mark, Read
from tests.soak.spoken import could_say

_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")
FINAL_STATES = ("completed", "failed", "cancelled")
_VIEWS = {-1: "native", -2: "chat", -3: "usage"}  # by the number of the reader after the end
# An attempt that ended so may never have reached the provider.
_MAYBE_UNCALLED_OUTCOMES = ("lost", "cancelled", "handed_over", None)
_MAYBE_UNCALLED_ERRORS = (
    "provider_unreachable",
    "provider_cut",
    "provider_timeout",
    "provider_unavailable",
    "deadline_exceeded",
)


class Violation(NamedTuple):
    """Something that PROTOCOL.md says cannot be."""

    check: str
    job: str
    text: str

    def __str__(self) -> str:
        return f"[{self.check}] {self.job}: {self.text}"


def judge(history: History) -> list[Violation]:
    """All violations, in the order of the checks."""
    return [found for check in CHECKS for found in check(history)]


def check_ends(history: History) -> Iterator[Violation]:
    """Every accepted call ends in exactly one terminal, and its record says the same."""
    accepted = {call.job for call in history.calls if 200 <= call.status < 300}
    accepted |= {read.job for read in history.reads if read.status == 200}
    ends: dict[str, list[str]] = defaultdict(list)
    for read in history.reads:
        if read.reader == -1:
            ends[read.job].append(read.ending)
    for final in history.finals:
        if final.deleted and final.status in (404, 410):
            continue
        if final.record is None:
            what = "is gone" if final.job in accepted else "was never made"
            yield Violation("end", final.job, f"{what}: {final.status} on its record")
        elif final.record["state"] not in FINAL_STATES:
            yield Violation("end", final.job, f"has not ended: {final.record['state']}")
        elif ends[final.job].count("terminal") != 1:
            yield Violation("end", final.job, f"its whole stream has no end: {ends[final.job]}")


def check_made(history: History) -> Iterator[Violation]:
    """However often a request id was posted, one call at most made the job."""
    made = Counter(c.job for c in history.calls if c.kind == "jobs" and c.status == 202)
    for job, times in made.items():
        if times > 1:
            yield Violation("made", job, f"made {times} times")


def check_numbers(history: History) -> Iterator[Violation]:
    """The stream's numbers have no gap, and its record ends where it does."""
    finals = {final.job: final for final in history.finals}
    for job, stream in _references(history, "native").items():
        numbers = [number for number, _ in stream]
        if numbers != list(range(1, len(numbers) + 1)):
            yield Violation("numbers", job, f"{numbers[:3]} … {numbers[-3:]} of {len(numbers)}")
        record = finals[job].record if job in finals else None
        if record is not None and record["cursor"] != len(numbers):
            yield Violation("numbers", job, f"{len(numbers)} frames, cursor {record['cursor']}")


def check_transcripts(history: History) -> Iterator[Violation]:
    """What every reader got is the beginning of the one stream, and all of it at a terminal."""
    references = {view: _references(history, view) for view in _VIEWS.values()}
    for (job, reader, view), reads in _by_reader(history).items():
        name = f"reader {reader} ({view})"
        got = [mark for read in reads for mark in read.events]
        numbers = [number for number, _ in got]
        if any(later <= earlier for earlier, later in pairwise(numbers)):
            yield Violation("transcript", job, f"{name} got a number twice or out of order")
        for read in reads:
            if read.ending in ("broken", "clean"):
                yield Violation("transcript", job, f"{name}: {read.ending} end after {read.after}")
        whole = references[view].get(job)
        if whole is None:
            continue
        if got != whole[: len(got)]:
            pairs = enumerate(zip(got, whole, strict=False))
            at = next((place for place, (ours, its) in pairs if ours != its), len(whole))
            seen = got[at] if at < len(got) else None
            kept = whole[at] if at < len(whole) else None
            yield Violation("transcript", job, f"{name} saw {seen} where there is {kept}")
        elif reads[-1].ending == "terminal" and len(got) != len(whole):
            yield Violation("transcript", job, f"{name} ended at {len(got)} of {len(whole)}")


def check_agreement(history: History) -> Iterator[Violation]:
    """Readers of a deleted job have no reference: they agree with each other."""
    marks: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for read in history.reads:
        known = marks[read.job, read.view]
        for number, mark in read.events:
            if known.setdefault(number, mark) != mark:
                yield Violation("agreement", read.job, f"two events {number} ({read.view})")


def check_statuses(history: History) -> Iterator[Violation]:
    """An answer that ends a reader or caller is what became of the job."""
    finals = {final.job: final for final in history.finals}
    for read in history.reads:
        if read.ending == "status" and read.final:
            text = _wrong_status(finals.get(read.job), read.status, streamed=bool(read.after))
            if text is not None:
                yield Violation("status", read.job, f"reader {read.reader}: {text}")
        elif read.status == 500:
            yield Violation("status", read.job, f"reader {read.reader}: 500")
    for call in history.calls:
        if call.status == 500:
            yield Violation("status", call.job, f"{call.kind}: 500")
        elif call.kind in ("whole", "result") and call.status not in (0, 200, 202, 503):
            text = _wrong_status(finals.get(call.job), call.status, streamed=False)
            if text is not None:
                yield Violation("status", call.job, f"{call.kind}: {text}")
        elif call.kind in ("jobs", "look", "cancel") and call.status in (400, 404, 409, 422):
            yield Violation("status", call.job, f"{call.kind}: {call.status}")


def _wrong_status(final: Final | None, status: int, *, streamed: bool) -> str | None:
    """What is wrong with a final error status, if anything is."""
    if final is None or (final.deleted and status in (409, 410)):
        return None
    if final.record is None:
        return None  # told by ``check_ends``
    state = final.record["state"]
    if status < 400 or streamed:
        return f"{status} in mid-stream"
    if state == "completed":
        return f"{status}, but it completed"
    error = final.record["error"] or {}
    if state == "cancelled" and status != 409:
        return f"{status}, but it was cancelled"
    if state == "failed" and error.get("status", status) != status:
        return f"{status}, but it failed with {error}"
    return None


def check_calls(history: History) -> Iterator[Violation]:
    """The provider was called as often as there are attempts on record."""
    for final in history.finals:
        if final.record is None:
            continue
        attempts = final.record["attempts"]
        maybe = sum(1 for attempt in attempts if _maybe_uncalled(attempt))
        if final.calls > len(attempts):
            text = f"{final.calls} calls, {len(attempts)} attempts: {_outcomes(attempts)}"
            yield Violation("calls", final.job, text)
        elif final.calls < len(attempts) - maybe:
            text = f"only {final.calls} calls, {len(attempts)} attempts: {_outcomes(attempts)}"
            yield Violation("calls", final.job, text)
        if [attempt["number"] for attempt in attempts] != list(range(1, len(attempts) + 1)):
            yield Violation("calls", final.job, f"attempts out of order: {_outcomes(attempts)}")
        recorded = sum(1 for attempt in attempts if attempt["provider"])
        # What a cancelled job's holder could not tell any more is settled in the record alone.
        told = recorded if final.record["state"] != "cancelled" else min(final.told, recorded)
        if final.told != told:
            text = f"{final.told} told in the stream, recorded: {_outcomes(attempts)}"
            yield Violation("calls", final.job, text)
        if any(attempt["outcome"] is None for attempt in attempts):
            text = f"{final.record['state']}, but unsettled: {_outcomes(attempts)}"
            yield Violation("unsettled", final.job, text)


def _maybe_uncalled(attempt: dict[str, Any]) -> bool:
    error = (attempt["error"] or {}).get("type")
    return attempt["outcome"] in _MAYBE_UNCALLED_OUTCOMES or error in _MAYBE_UNCALLED_ERRORS


def _outcomes(attempts: Iterable[dict[str, Any]]) -> str:
    return ", ".join(
        f"{each['number']} {each['provider']} {(each['error'] or {}).get('type', each['outcome'])}"
        for each in attempts
    )


def check_usage(history: History) -> Iterator[Violation]:
    """A job's usage is the sum over its attempts; one that was cancelled is settled apart."""
    for final in history.finals:
        record = final.record
        if record is None or record["state"] not in ("completed", "failed"):
            continue
        for key in _TOKENS:
            said = (record["usage"] or {}).get(key, 0)
            costs = [(each["usage"] or {}).get(key, 0) for each in record["attempts"]]
            if said != sum(costs):
                yield Violation("usage", final.job, f"{key} {said}, of the attempts {costs}")


def check_states(history: History) -> Iterator[Violation]:
    """A final state never changes, and a cursor never goes back."""
    last: dict[str, list[Call]] = defaultdict(list)
    for call in sorted(history.calls, key=lambda call: call.begun):
        if call.state is None:
            continue
        for before in last[call.job]:
            if before.ended > call.begun:
                continue  # asked at the same time: any order
            if before.state in FINAL_STATES and call.state != before.state:
                yield Violation("state", call.job, f"{before.state}, then {call.state}")
            if (call.cursor or 0) < (before.cursor or 0):
                yield Violation("state", call.job, f"cursor {before.cursor}, then {call.cursor}")
        last[call.job].append(call)


def check_answers(history: History) -> Iterator[Violation]:
    """Completed answers hold all that the provider had to say, once."""
    results: dict[str, Counter[str]] = defaultdict(Counter)
    for call in history.calls:
        if call.body is not None:
            results[call.job][call.body] += 1
    for final in history.finals:
        if len(results[final.job]) > 1:
            yield Violation("answer", final.job, f"{len(results[final.job])} different results")
        if final.record is None:
            continue
        completed = final.record["state"] == "completed"
        if completed != (final.result is not None):
            text = f"{final.record['state']}, but its result is {final.result_status}"
            yield Violation("answer", final.job, text)
        if not completed:
            continue
        if final.finishes != 1:
            yield Violation("answer", final.job, f"{final.finishes} finish reasons")
        model = final.record["attempts"][-1]["model"]
        if not could_say(model, final.job, final.said, final.calls):
            yield Violation("answer", final.job, f"not what {model} says: {str(final.said)[:300]}")


def check_parts(history: History) -> Iterator[Violation]:
    """No defect in any log, no process that died by itself, nobody who waits for ever."""
    for note in history.notes:
        yield Violation(note.kind, note.part, note.text)


CHECKS: tuple[Callable[[History], Iterator[Violation]], ...] = (
    check_ends,
    check_made,
    check_numbers,
    check_transcripts,
    check_agreement,
    check_statuses,
    check_calls,
    check_usage,
    check_states,
    check_answers,
    check_parts,
)


def _references(history: History, view: str) -> dict[str, list[Mark]]:
    """By job: the whole stream in this view, as read after all had ended."""
    streams: dict[str, list[Mark]] = {}
    for read in history.reads:
        if read.reader < 0 and read.view == view and read.status == 200:
            streams.setdefault(read.job, []).extend(read.events)
    return streams


def _by_reader(history: History) -> dict[tuple[str, int, str], list[Read]]:
    readers: dict[tuple[str, int, str], list[Read]] = defaultdict(list)
    for read in history.reads:
        readers[read.job, read.reader, read.view].append(read)
    return readers

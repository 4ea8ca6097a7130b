"""What must be true of what became of the jobs: their records, their provider, their processes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from tests.soak.history import Call, History
from tests.soak.leftover import GAUGES, OPEN_CALLS
from tests.soak.spoken import could_say
from tests.soak.violation import FINAL_STATES, Violation

_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")
# An attempt that ended so may never have reached the provider.
_MAYBE_UNCALLED_OUTCOMES = ("lost", "cancelled", "handed_over", None)
_MAYBE_UNCALLED_ERRORS = (
    "provider_unreachable",
    "provider_cut",
    "provider_timeout",
    "provider_unavailable",
    "deadline_exceeded",
)


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
        # What a holder could not tell any more, from which the job was taken, is settled in the
        # record alone. Such an attempt is `lost`, or its job was cancelled.
        cancelled = final.record["state"] == "cancelled"
        untold = sum(
            1 for each in attempts if each["provider"] and (cancelled or each["outcome"] == "lost")
        )
        if not recorded - untold <= final.told <= recorded:
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
    """A job's usage is the sum over its attempts, all of which are settled."""
    for final in history.finals:
        record = final.record
        if record is None or not all(each["outcome"] for each in record["attempts"]):
            continue  # told by ``check_calls``
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


def check_list(history: History) -> Iterator[Violation]:
    """The list of jobs has every job that was not deleted, and each once."""
    kept = {final.job for final in history.finals if final.record is not None}
    for listed in history.lists:
        for job in sorted(kept - set(listed.jobs)):
            yield Violation("list", job, "is not in the list of jobs")
        for job, times in Counter(listed.jobs).items():
            if times > 1:
                yield Violation("list", job, f"is {times} times in the list of jobs")


def check_leftovers(history: History) -> Iterator[Violation]:
    """Once every job has ended nothing is queued, leased, read, or open at the provider."""
    for name in (*GAUGES, OPEN_CALLS):
        if history.counts.get(name):
            yield Violation("left", name, f"{history.counts[name]:g} at the end")


def check_parts(history: History) -> Iterator[Violation]:
    """No defect in any log, no process that died by itself, nobody who waits for ever."""
    for note in history.notes:
        yield Violation(note.kind, note.part, note.text)

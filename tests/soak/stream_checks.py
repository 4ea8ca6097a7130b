"""What must be true of what readers and callers were sent: it is the stream as it is at the end."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.soak.history import Final, History, Mark, Read
from tests.soak.violation import Violation

_BROKEN = 10**14  # numbers after a break are above, and no stream is so long
_VIEWS = {-1: "native", -2: "chat", -3: "usage"}  # by the number of the reader after the end


def check_numbers(history: History) -> Iterator[Violation]:
    """The stream's numbers have no gap but at a break, and its record ends where it does."""
    finals = {final.job: final for final in history.finals}
    for job, stream in _references(history, "native").items():
        numbers = [number for number, _ in stream]
        steps = pairwise((0, *numbers))
        if any(later != before + 1 and later < _BROKEN for before, later in steps):
            yield Violation("numbers", job, f"{numbers[:3]} … {numbers[-3:]} of {len(numbers)}")
        record = finals[job].record if job in finals else None
        if record is not None and record["cursor"] != max(numbers, default=0):
            yield Violation("numbers", job, f"{numbers[-3:]}, cursor {record['cursor']}")


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
    if state == "cancelled" and status != 409:
        return f"{status}, but it was cancelled"
    if state == "failed" and status != final.result_status:
        return f"{status}, but its result is {final.result_status}"
    return None


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

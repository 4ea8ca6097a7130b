"""What must be true of any run, whatever was struck: pure functions over its history.

Each check gives its violations; ``judge`` runs them all.
"""

from collections.abc import Callable, Iterator

from tests.soak import record_checks, stream_checks
from tests.soak.history import History
from tests.soak.violation import Violation

CHECKS: tuple[Callable[[History], Iterator[Violation]], ...] = (
    record_checks.check_ends,
    record_checks.check_made,
    stream_checks.check_numbers,
    stream_checks.check_transcripts,
    stream_checks.check_agreement,
    stream_checks.check_statuses,
    record_checks.check_calls,
    record_checks.check_usage,
    record_checks.check_states,
    record_checks.check_answers,
    record_checks.check_list,
    record_checks.check_leftovers,
    record_checks.check_parts,
)


def judge(history: History) -> list[Violation]:
    """All violations, in the order of the checks."""
    return [found for check in CHECKS for found in check(history)]

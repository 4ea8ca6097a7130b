"""Records: a hash of the store to a job."""

import msgspec
import pytest

from broker.model import Attempt, Failure, JobState
from broker.store.record import attempt_field, pairs, to_job

FRESH = {
    b"account": b"acme",
    b"request_id": b"r1",
    b"dialect": b"chat",
    b"model": b"m",
    b"state": b"queued",
    b"created": b"1700000000000",
    b"digest": b"5f",
    b"last": b"0",
    b"token": b"0",
    b"task": b"\x00opaque",
}


def test_a_fresh_record() -> None:
    job = to_job("k", FRESH)
    assert (job.key, job.account, job.request_id, job.model) == ("k", "acme", "r1", "m")
    assert (job.state, job.created_ms, job.last) == (JobState.QUEUED, 1_700_000_000_000, 0)
    assert job.digest == "5f"
    assert (job.claims, job.losses, job.spent, job.delivered) == (0, 0, 0, False)
    assert (job.started_ms, job.ended_ms) == (None, None)
    assert (job.usage, job.error, job.metadata, job.attempts) == (None, None, None, [])


def test_a_record_with_everything() -> None:
    failure = Failure(type="overloaded", message="Too much.", status=503, retry_after=1.5)
    job = to_job(
        "k",
        FRESH
        | {b"state": b"failed", b"last": b"12", b"delivered": b"1", b"claims": b"2"}
        | {b"losses": b"1", b"spent": b"3", b"started": b"5", b"ended": b"9"}
        | {b"usage": b'{"total_tokens":7}', b"metadata": b'{"a":[1]}'}
        | {b"error": msgspec.json.encode(failure)},
    )
    assert (job.state, job.last, job.delivered) == (JobState.FAILED, 12, True)
    assert (job.claims, job.losses, job.spent) == (2, 1, 3)
    assert (job.started_ms, job.ended_ms) == (5, 9)
    assert (job.usage, job.metadata, job.error) == ({"total_tokens": 7}, {"a": [1]}, failure)


def test_attempts_are_in_order_of_their_numbers() -> None:
    attempts = [
        Attempt(number=n, provider="p", model="m", started=float(n), outcome="failed")
        for n in (1, 2, 10)
    ]
    fields = {
        name.encode(): value for name, value in (attempt_field(a) for a in reversed(attempts))
    }
    assert to_job("k", FRESH | fields).attempts == attempts


def test_pairs_of_a_flat_reply() -> None:
    assert pairs([b"a", b"1", b"b", b"2"]) == {b"a": b"1", b"b": b"2"}
    assert pairs([]) == {}
    with pytest.raises(ValueError, match="shorter"):
        pairs([b"a"])

"""Enqueue by name: what arq's job holds, and what it must not."""

from typing import Any

import msgspec
import pytest
from arq.jobs import deserialize_job_raw

from broker.errors import RequestIdReused
from broker.model import JobState, job_key, request_digest
from broker.queue import GENERATE, Submission, deserialize, enqueue, serialize
from tests.store.samples import HOLDER
from tests.unit.stores import open_fake

CALL = {"model": "m", "messages": [{"role": "user", "content": "the secret"}]}


def submission(request_id: str = "r1", **changes: object) -> Submission:
    call = {**CALL, **changes}
    return Submission("acme", request_id, "chat", call, msgspec.json.encode(call), {"tag": 1})


def test_the_key_is_the_account_s_and_the_request_id_s() -> None:
    assert submission().key == job_key("acme", "r1")


def test_what_is_packed_is_unpacked() -> None:
    job: dict[str, Any] = {"t": None, "f": "generate", "a": ["k"], "k": {}, "et": 1}
    assert deserialize(serialize(job)) == job


async def test_a_submission_becomes_a_job_to_be_claimed() -> None:
    async with open_fake() as store:
        new = submission()
        assert (await enqueue(store, new)).created
        (claim,) = await store.queue.claim(store.keys.partition(new.key), HOLDER, 5)
        job = claim.job
        assert (job.key, job.account, job.request_id) == (new.key, "acme", "r1")
        assert (job.dialect, job.model, job.metadata) == ("chat", "m", {"tag": 1})
        assert job.digest == request_digest("chat", CALL)
        assert job.state is JobState.RUNNING
        assert claim.body == new.body


async def test_arq_s_job_names_the_function_and_the_key_and_nothing_else() -> None:
    async with open_fake() as store:
        for request_id, function in (("r1", GENERATE), ("r2", "other")):
            new = submission(request_id)
            await enqueue(store, new, function)
            (claim,) = await store.queue.claim(store.keys.partition(new.key), HOLDER, 5)
            name, args, kwargs, _, _ = deserialize_job_raw(claim.task, deserializer=deserialize)
            assert (name, list(args), kwargs) == (function, [new.key], {})
            assert b"secret" not in claim.task


async def test_the_same_again_creates_nothing() -> None:
    async with open_fake() as store:
        assert (await enqueue(store, submission())).created
        assert not (await enqueue(store, submission(stream=True))).created  # how, not what
        with pytest.raises(RequestIdReused):
            await enqueue(store, submission(temperature=1))
        claims = await store.queue.claim(store.keys.partitions[0], HOLDER, 5)
        assert len(claims) == 1

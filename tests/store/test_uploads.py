"""Large bodies over every store: uploaded first, then made a job's in the step that creates it."""

import pytest

from broker.errors import StoreAway
from broker.model import Outline, job_key
from broker.store import Store
from broker.store.keys import Partition
from broker.store.new_job import Upload
from tests.store.samples import HOLDER, new_job, raw

KEY = job_key("acme", "r1")
OUTLINE = Outline(request={"model": "m"}, prompt=40, size=12)


def place(store: Store) -> Partition:
    return store.keys.partition(KEY)


async def upload(store: Store, name: str, body: bytes = b"jthe body") -> None:
    await raw(store).set(place(store).upload(name), body, px=60_000)


async def test_an_uploaded_body_becomes_the_jobs(store: Store) -> None:
    await upload(store, "u1")
    new = new_job(body=b"", outline=OUTLINE, upload=Upload("u1", 9))
    assert (await store.jobs.create(new)).created
    assert await store.jobs.body(KEY) == b"the body"
    assert await raw(store).pttl(place(store).body(KEY)) == -1  # for as long as the job runs
    assert not await raw(store).exists(place(store).upload("u1"))


async def test_a_claim_brings_the_outline_in_its_place(store: Store) -> None:
    await upload(store, "u1")
    await store.jobs.create(new_job(body=b"", outline=OUTLINE, upload=Upload("u1", 9)))
    (claim,) = await store.queue.claim(place(store), HOLDER, 1)
    assert claim.body is None
    assert claim.job.outline == OUTLINE


async def test_no_job_is_made_of_an_upload_that_is_lost(store: Store) -> None:
    new = new_job(body=b"", outline=OUTLINE, upload=Upload("u1", 9))
    with pytest.raises(StoreAway):
        await store.jobs.create(new)
    assert await raw(store).exists(place(store).job(KEY)) == 0
    await upload(store, "u1")
    assert (await store.jobs.create(new)).created


async def test_the_same_call_again_leaves_the_jobs_body_alone(store: Store) -> None:
    await upload(store, "u1")
    await store.jobs.create(new_job(body=b"", outline=OUTLINE, upload=Upload("u1", 9)))
    await upload(store, "u2", b"jother")
    again = new_job(body=b"", outline=OUTLINE, upload=Upload("u2", 7))
    assert not (await store.jobs.create(again)).created
    assert await store.jobs.body(KEY) == b"the body"

"""A stream read back at once, whatever becomes of it meanwhile."""

import pytest

from broker.codec import Encoder, Template
from broker.errors import JobNotFound
from broker.frames import Frame, Kind
from broker.store import Store
from broker.store.streams import Batch, Entries
from broker.tail.back import Back, pages
from tests.store.samples import append, batch, running
from tests.unit.generate_rig import chunk
from tests.unit.stores import open_fake


def limit_pages(patch: pytest.MonkeyPatch, store: Store, entries: int) -> None:
    """Let reads bring no more than so many entries."""
    read = store.streams.read

    async def limited(key: str, after: int) -> Entries:
        return await read(key, after, entries)

    patch.setattr(store.streams, "read", limited)


async def read_back(store: Store, key: str) -> Back:
    """The whole of a stream."""
    frames: list[Frame] = []
    templates: dict[int, Template] = {}
    last = 0
    async for page in pages(store, key):
        frames += page.frames
        templates, last = page.templates, page.last
    return Back(frames, templates, last)


async def test_a_stream_is_read_back_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_fake() as store:
        limit_pages(monkeypatch, store, 2)
        claim = await running(store)
        assert await read_back(store, claim.job.key) == ([], {}, 0)
        encoder = Encoder()
        written = [chunk(text)[0] for text in "abcdefgh"]
        for first in range(1, 9, 2):  # two frames an entry, two entries a page
            payload = bytearray()
            for frame in written[first - 1 : first + 1]:
                encoder.encode(frame.kind, frame.body, payload)
            fresh = encoder.take_fresh()
            key, token = claim.job.key, claim.token
            batch = Batch(key, token, first, first + 1, bytes(payload), tuple(fresh))
            assert await append(store, batch) == [0]
        frames, templates, last = await read_back(store, claim.job.key)
        assert frames == written
        assert last == 8
        assert templates == dict(enumerate(encoder.templates))
        assert templates


async def test_entries_put_together_between_two_pages_are_read_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The job ends meanwhile: its entries are joined, and the cursor lies within one."""
    async with open_fake() as store:
        claim = await running(store)
        for number in range(1, 7):
            await append(store, batch(claim, number, b"data: %d" % number))
        read = store.streams.read

        async def then_ended(key: str, after: int) -> Entries:
            entries = await read(key, after, 2)
            if after == 0:
                await store.jobs.cancel(key)
            return entries

        monkeypatch.setattr(store.streams, "read", then_ended)
        frames, _, _ = await read_back(store, claim.job.key)
        assert [frame.body for frame in frames[:-1]] == [b"data: %d" % n for n in range(1, 7)]
        assert frames[-1].kind == Kind.TERMINAL


async def test_no_job_can_be_read_back_from_nowhere() -> None:
    async with open_fake() as store:
        with pytest.raises(JobNotFound):
            await read_back(store, "nothing")

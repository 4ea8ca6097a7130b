"""Streams over every store: the verdicts of an append, what readers hear, what they read."""

from collections.abc import Awaitable, Callable

import pytest

from broker.codec import decode, define
from broker.errors import JobGone, JobNotFound
from broker.frames import Frame, Kind, parse_message
from broker.model import JobState, job_key
from broker.store import Store
from broker.store.queue import Claim
from broker.store.streams import Batch, Verdict, rewind_to
from tests.store.samples import (
    HOLDER,
    append,
    arm,
    batch,
    expire,
    frames,
    listening,
    names,
    new_job,
    numbered,
    raw,
    rescue,
    running,
    terminal,
)

KEY = job_key("acme", "r1")
TEMPLATE = (b"data: {", b"}")


def dialect(*texts: bytes) -> dict[int, Frame]:
    return {number: Frame(Kind.DIALECT, text) for number, text in enumerate(texts, 1)}


async def test_appended_frames_are_read_back_in_order(store: Store) -> None:
    claim = await running(store)
    assert await append(store, batch(claim, 1, b"data: a", b"data: b")) == [Verdict.APPENDED]
    assert await append(store, batch(claim, 3, b"data: \xff\x00c")) == [Verdict.APPENDED]
    assert await frames(store, KEY) == dialect(b"data: a", b"data: b", b"data: \xff\x00c")
    job = await store.jobs.get(KEY)
    assert (job.last, job.delivered) == (3, True)


async def test_a_batch_sent_again_is_a_duplicate(store: Store) -> None:
    claim = await running(store)
    first, second = batch(claim, 1, b"data: a"), batch(claim, 2, b"data: b")
    assert await append(store, first, second, first, second) == [0, 0, 1, 1]
    assert await append(store, first) == [Verdict.DUPLICATE]
    assert await frames(store, KEY) == dialect(b"data: a", b"data: b")


async def test_only_the_latest_batch_is_published_again_as_a_duplicate(store: Store) -> None:
    """The call before may have been refused between its being stored and its being published."""
    claim = await running(store)
    async with listening(store, store.keys.channel(KEY)) as heard:
        for first in (1, 1, 2, 1, 3):
            await append(store, batch(claim, first, b"data: a"))
        assert [parse_message(await heard()).first for _ in range(4)] == [1, 1, 2, 3]


async def test_a_batch_is_a_duplicate_after_its_terminal_too(store: Store) -> None:
    claim = await running(store)
    batches = batch(claim, 1, b"data: a"), batch(claim, 2, b"data: b", final=JobState.COMPLETED)
    assert await append(store, *batches) == [0, 0]
    assert await append(store, *batches) == [Verdict.DUPLICATE] * 2
    assert len(await frames(store, KEY)) == 3


async def test_nothing_follows_a_terminal(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, final=JobState.COMPLETED))
    assert await append(store, batch(claim, 2, b"data: b")) == [Verdict.FENCED]
    assert await frames(store, KEY) == {1: terminal(JobState.COMPLETED)}


async def test_another_token_is_fenced(store: Store) -> None:
    claim = await running(store)
    other = Claim(job=claim.job, token=claim.token + 1, task=b"", body=None)
    older = Claim(job=claim.job, token=0, task=b"", body=None)
    assert await append(store, batch(other, 1, b"data: a"), batch(older, 1, b"data: a")) == [-1, -1]
    assert await frames(store, KEY) == {}


async def lost_by_rescue(store: Store) -> None:
    await arm(store)
    await expire(store, KEY)
    assert (await rescue(store)).rescued == [KEY]


async def lost_to_another(store: Store) -> None:
    await lost_by_rescue(store)
    assert await store.queue.claim(store.keys.partition(KEY), "worker-2", 1)


async def lost_by_cancel(store: Store) -> None:
    await store.jobs.cancel(KEY)


async def lost_by_deletion(store: Store) -> None:
    await store.jobs.delete(KEY)


async def lost_altogether(store: Store) -> None:
    await raw(store).delete(names(store, KEY)["job"])


@pytest.mark.parametrize(
    "lose", [lost_by_rescue, lost_to_another, lost_by_cancel, lost_by_deletion, lost_altogether]
)
async def test_a_holder_that_lost_its_job_is_fenced(
    store: Store, lose: Callable[[Store], Awaitable[None]]
) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: a"))
    await lose(store)
    assert await append(store, batch(claim, 1, b"data: a")) == [Verdict.FENCED]
    assert await append(store, batch(claim, 2, b"data: b")) == [Verdict.FENCED]


async def test_a_job_that_never_was_is_fenced(store: Store) -> None:
    claim = await running(store)
    ghost = Batch(key="nothing", token=claim.token, first=1, last=1, payload=b"x")
    assert await append(store, ghost) == [Verdict.FENCED]
    assert await raw(store).exists(names(store, "nothing")["stream"]) == 0


async def test_a_gap_or_an_overlap_is_sent_back_to_the_end(store: Store) -> None:
    claim = await running(store)
    assert [rewind_to(v) for v in await append(store, batch(claim, 2, b"data: b"))] == [0]
    await append(store, batch(claim, 1, b"data: a", b"data: b", b"data: c"))
    gap, overlap = batch(claim, 5, b"data: e"), batch(claim, 2, b"data: b", b"data: c", b"data: d")
    verdicts = await append(store, gap, overlap)
    assert [rewind_to(verdict) for verdict in verdicts] == [3, 3]
    assert await append(store, batch(claim, 4, b"data: d")) == [Verdict.APPENDED]
    assert len(await frames(store, KEY)) == 4


def test_only_a_rewind_rewinds() -> None:
    assert [rewind_to(v) for v in (Verdict.APPENDED, Verdict.DUPLICATE, Verdict.FENCED)] == [
        None
    ] * 3
    assert rewind_to(-2) == 0
    assert rewind_to(-9) == 7


async def test_verdicts_in_one_call_are_independent(store: Store) -> None:
    claims = [await running(store, f"r{n}") for n in range(1, 7)]
    await append(store, batch(claims[1], 1, b"data: a"))
    await store.jobs.cancel(claims[2].job.key)
    damaged = names(store, claims[4].job.key)["stream"]
    await raw(store).xadd(damaged, {"f": "by hand"}, id="9-0")
    verdicts = await append(
        store,
        batch(claims[0], 1, b"data: a"),
        batch(claims[1], 1, b"data: a"),
        batch(claims[2], 1, b"data: a"),
        batch(claims[3], 7, b"data: a"),
        batch(claims[4], 1, b"data: a"),
        batch(claims[5], 1, b"data: a", final=JobState.COMPLETED),
    )
    assert verdicts == [0, 1, -1, -2, -1, 0]
    assert await frames(store, claims[0].job.key) == dialect(b"data: a")
    assert (await store.jobs.get(claims[5].job.key)).state is JobState.COMPLETED


async def test_a_template_is_written_with_its_first_use(store: Store) -> None:
    claim = await running(store)
    use = batch(claim, 1, definitions=((0, define(TEMPLATE)),), payload=b"\x00\x01a")
    gap = batch(claim, 5, definitions=((1, define(TEMPLATE)),), payload=b"\x01\x01a")
    assert await append(store, use, gap) == [0, -3]
    assert await append(store, batch(claim, 2, payload=b"\x00\x02bc")) == [0]
    read = await store.streams.read(KEY, 0, 10)
    assert read.templates == {0: TEMPLATE}
    assert numbered(read) == dialect(b"data: {a}", b"data: {bc}")


async def test_readers_are_told_exactly_what_is_stored(store: Store) -> None:
    claim = await running(store)
    definition = define(TEMPLATE)
    async with listening(store, store.keys.channel(KEY)) as heard:
        await append(
            store,
            batch(claim, 1, b"data: b", definitions=((0, definition),), payload=b"\x00\x01a"),
            batch(claim, 3, b"data: c"),
        )
        messages = [parse_message(await heard()) for _ in range(2)]
        read = await store.streams.read(KEY, 0, 10)
        await append(store, batch(claim, 4, b"data: d", final=JobState.COMPLETED))
        messages.append(parse_message(await heard()))
    assert [(m.first, m.last) for m in messages] == [(1, 2), (3, 3), (4, 5)]
    assert messages[0].definitions == ((0, definition),)
    assert [(m.last, m.payload) for m in messages[:2]] == read.rows
    heard_all = [frame for m in messages for frame in decode(m.payload, {0: TEMPLATE})]
    assert list((await frames(store, KEY)).values()) == heard_all


async def test_a_cursor_in_the_middle_of_an_entry(store: Store) -> None:
    claim = await running(store)
    texts = [b"data: %d" % n for n in range(1, 8)]
    await append(store, batch(claim, 1, *texts[:4]), batch(claim, 5, *texts[4:]))
    whole = dialect(*texts)
    for cursor in range(9):
        read = await store.streams.read(KEY, cursor, 10)
        assert numbered(read, cursor) == {n: f for n, f in whole.items() if n > cursor}
        assert (read.state, read.last) == (JobState.RUNNING, 7)
    one = await store.streams.read(KEY, 2, 1)
    assert list(numbered(one, 2)) == [3, 4]


async def test_a_stream_without_frames(store: Store) -> None:
    await store.jobs.create(new_job())
    read = await store.streams.read(KEY, 0, 10)
    assert (read.state, read.last, read.rows, read.templates) == (JobState.QUEUED, 0, [], {})


async def test_a_stream_that_has_expired_is_gone(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: a", final=JobState.COMPLETED))
    await raw(store).delete(names(store, KEY)["ended"], names(store, KEY)["templates"])
    for cursor in (0, 1):
        with pytest.raises(JobGone):
            await store.streams.read(KEY, cursor, 10)
    assert (await store.streams.read(KEY, 2, 10)).rows == [], "nothing is missing at the end"
    assert (await store.jobs.get(KEY)).state is JobState.COMPLETED


async def test_no_job_no_stream(store: Store) -> None:
    with pytest.raises(JobNotFound):
        await store.streams.read("nothing", 0, 10)


async def test_many_streams_in_one_call(store: Store) -> None:
    for n in range(128):
        await store.jobs.create(new_job(f"r{n}"))
    claims = await store.queue.claim(store.keys.partitions[0], HOLDER, 128)
    payload = b"data: " + b"x" * 1900
    assert await append(store, *(batch(claim, 1, payload) for claim in claims)) == [0] * 128
    assert await frames(store, claims[127].job.key) == dialect(payload)


# ── A page is bounded in bytes ─────────────────────────────────────────────────────────────


def sized(*sizes: int) -> list[bytes]:
    return [b"data: " + b"x" * (size - 9) for size in sizes]  # with what they are encoded in


async def page(store: Store, after: int, count: int, size: int) -> tuple[list[int], bool]:
    entries = await store.streams.read(KEY, after, count, size)
    return [last for last, _ in entries.rows], entries.more


async def test_a_page_ends_before_the_entry_that_is_too_much(store: Store) -> None:
    claim = await running(store)
    for number, body in enumerate(sized(1000, 2000, 3000, 50_000, 1000, 1000), 1):
        assert await append(store, batch(claim, number, body)) == [Verdict.APPENDED]
    assert await page(store, 0, 512, 3000) == ([1, 2], True)
    assert await page(store, 0, 512, 6100) == ([1, 2, 3], True)
    assert await page(store, 2, 512, 3000) == ([3], True)
    assert await page(store, 3, 512, 3000) == ([4], True)  # one, however large it is
    assert await page(store, 4, 512, 3000) == ([5, 6], False)
    assert await page(store, 0, 512, 1_000_000) == ([1, 2, 3, 4, 5, 6], False)
    assert await page(store, 6, 512, 3000) == ([], False)


async def test_a_page_is_bounded_in_entries_as_well(store: Store) -> None:
    claim = await running(store)
    for number in range(1, 150):
        await append(store, batch(claim, number, b"data: x"))
    assert await page(store, 0, 3, 10_000) == ([1, 2, 3], True)
    found = await page(store, 20, 100, 10_000)
    assert found == (list(range(21, 121)), True)
    assert await page(store, 120, 100, 10_000) == (list(range(121, 150)), False)


async def test_a_server_that_forgot_its_scripts_is_given_the_page_s_again(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: x"))
    for _ in range(2):
        await raw(store).script_flush()
        assert await page(store, 0, 3, 1000) == ([1], False)

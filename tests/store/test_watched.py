"""Jobs whose readers' leaving cancels them, over every store."""

from broker.frames import Kind, parse_message
from broker.model import JobState, job_key
from broker.store import Store
from broker.store.leases import ABANDONED
from broker.store.streams import Verdict
from tests.store.samples import (
    HOLDER,
    append,
    arm,
    batch,
    expire,
    frames,
    left,
    listening,
    names,
    new_job,
    now_ms,
    pass_by,
    raw,
    rescue,
    running,
    score,
    set_tick,
    waiting,
)

KEY = job_key("acme", "r1")
GRACE = 50.0


async def attend(store: Store, key: str = KEY, grace: float = GRACE) -> None:
    await store.leases.attend(store.keys.partition(key), [(key, int(grace * 1000))])


async def watched(store: Store) -> int:
    count: int = await raw(store).zcard(store.keys.partitions[0].prefix + "watched")
    return count


async def test_the_grace_runs_from_the_creation_on(store: Store) -> None:
    creation = await store.jobs.create(new_job(grace=GRACE))
    job = await store.jobs.get(KEY)
    assert (creation.grace_ms, job.grace_ms) == (50_000, 50_000)
    assert await score(store, "watched", KEY) == job.created_ms + 50_000


async def test_who_attaches_learns_the_jobs_own_grace(store: Store) -> None:
    await store.jobs.create(new_job("r1", grace=GRACE))
    await store.jobs.create(new_job("r2"))
    assert (await store.jobs.create(new_job("r1", grace=1.0))).grace_ms == 50_000
    assert (await store.jobs.create(new_job("r1"))).grace_ms == 50_000
    assert (await store.jobs.create(new_job("r2", grace=GRACE))).grace_ms is None
    assert await watched(store) == 1


async def test_no_grace_is_the_shortest(store: Store) -> None:
    await store.jobs.create(new_job(grace=0.0))
    assert await score(store, "watched", KEY) is not None


async def test_a_reader_puts_the_end_off(store: Store) -> None:
    await running(store, grace=GRACE)
    await arm(store)
    await pass_by(store, "watched", KEY)
    before = await now_ms(store)
    await attend(store)
    end = await score(store, "watched", KEY)
    assert end is not None
    assert before + 50_000 <= end <= await now_ms(store) + 50_000
    assert (await rescue(store)).abandoned == []


async def test_many_are_attended_to_in_one_call(store: Store) -> None:
    keys = [(await running(store, f"r{n}", grace=GRACE)).job.key for n in range(3)]
    await pass_by(store, "watched", *keys)
    await store.leases.attend(store.keys.partitions[0], [(keys[0], 9_000), (keys[2], 9_000)])
    await arm(store)
    assert (await rescue(store)).abandoned == [keys[1]]


async def test_only_what_is_watched_is_attended_to(store: Store) -> None:
    claim = await running(store, grace=GRACE)
    await store.jobs.create(new_job("r2"))
    await append(store, batch(claim, 1, final=JobState.COMPLETED))
    for key in (KEY, job_key("acme", "r2"), "nothing"):
        await attend(store, key)
    assert await watched(store) == 0


async def test_an_abandoned_running_job_is_cancelled_and_its_holder_told(store: Store) -> None:
    claim = await running(store, grace=GRACE)
    await append(store, batch(claim, 1, b"data: a"))
    await arm(store)
    await pass_by(store, "watched", KEY)
    async with (
        listening(store, store.keys.control_prefix + HOLDER) as told,
        listening(store, store.keys.channel(KEY)) as heard,
    ):
        tick = await rescue(store)
        message = parse_message(await heard())
        assert await told() == KEY.encode()
    assert (tick.abandoned, tick.running) == ([KEY], 0)
    assert (message.first, message.last) == (2, 2)
    job = await store.jobs.get(KEY)
    assert (job.state, job.error, job.last) == (JobState.CANCELLED, ABANDONED, 2)
    assert ABANDONED.code == "disconnected"
    last = (await frames(store, KEY))[2]
    assert last.kind == Kind.TERMINAL
    assert message.payload.endswith(last.body)
    assert await append(store, batch(claim, 2, b"data: b", b"data: c")) == [Verdict.FENCED]
    assert await left(store, names(store, KEY)["body"]) > 0, "what it cost is to be estimated"
    await store.jobs.settle(KEY, [])
    assert await left(store, names(store, KEY)["body"]) == -2
    assert await watched(store) == 0
    assert (await rescue(store)).abandoned == []


async def test_an_abandoned_queued_job_leaves_the_queue(store: Store) -> None:
    await store.jobs.create(new_job(grace=GRACE))
    await arm(store)
    await pass_by(store, "watched", KEY)
    assert (await rescue(store)).abandoned == [KEY]
    assert await waiting(store) == (0, 0)
    assert (await store.jobs.get(KEY)).state is JobState.CANCELLED


async def test_a_job_that_is_lost_and_abandoned_at_once_is_cancelled(store: Store) -> None:
    await running(store, grace=GRACE)
    await arm(store)
    await expire(store, KEY)
    await pass_by(store, "watched", KEY)
    tick = await rescue(store)
    assert (tick.rescued, tick.abandoned, tick.queued) == ([KEY], [KEY], 0)
    assert (await store.jobs.get(KEY)).error == ABANDONED


async def test_a_pause_of_the_ticks_abandons_nobody(store: Store) -> None:
    await running(store, grace=GRACE)
    await arm(store)
    await pass_by(store, "watched", KEY)
    await set_tick(store, last=await now_ms(store) - 3 * 20_000 - 1)
    for _ in range(2):
        tick = await rescue(store)
        assert (tick.held_off, tick.abandoned) == (True, [])
    await attend(store)  # its reader has outlived the pause
    await set_tick(store, until=0)
    assert (await rescue(store)).abandoned == []
    await pass_by(store, "watched", KEY)
    assert (await rescue(store)).abandoned == [KEY]


async def test_another_server_abandons_nobody(store: Store) -> None:
    await running(store, grace=GRACE)
    await arm(store)
    await pass_by(store, "watched", KEY)
    await set_tick(store, server="0123456789abcdef")
    tick = await rescue(store)
    assert (tick.held_off, tick.abandoned) == (True, [])


async def test_what_has_ended_is_watched_no_more(store: Store) -> None:
    for n, state in enumerate((JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)):
        claim = await running(store, f"r{n}", grace=GRACE)
        assert await watched(store) == 1
        if state is JobState.CANCELLED:
            await store.jobs.cancel(claim.job.key)
        else:
            await append(store, batch(claim, 1, final=state))
        assert await watched(store) == 0


async def test_what_should_not_be_watched_is_let_alone(store: Store) -> None:
    claim = await running(store, grace=GRACE)
    await append(store, batch(claim, 1, final=JobState.COMPLETED))
    await arm(store)
    await raw(store).zadd(store.keys.partitions[0].prefix + "watched", {KEY: 0, "nothing": 0})
    assert (await rescue(store)).abandoned == []
    assert await watched(store) == 0
    assert (await store.jobs.get(KEY)).state is JobState.COMPLETED


async def test_a_retried_job_is_watched_again(store: Store) -> None:
    claim = await running(store, grace=GRACE)
    await append(store, batch(claim, 1, final=JobState.FAILED))
    before = await now_ms(store)
    await store.jobs.retry(KEY)
    end = await score(store, "watched", KEY)
    assert end is not None
    assert before + 50_000 <= end <= await now_ms(store) + 50_000
    await arm(store)
    await pass_by(store, "watched", KEY)
    assert (await rescue(store)).abandoned == [KEY]
    assert list(await frames(store, KEY)) == [2]

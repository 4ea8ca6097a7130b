"""What the store's tests are made of: jobs, batches, what a reader hears, an expired lease."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from broker.codec import decode, verbatim
from broker.frames import Frame, Kind
from broker.model import JobState, Options, Terminal, job_key
from broker.store import Store
from broker.store.keys import Partition
from broker.store.new_job import Limits, NewJob
from broker.store.queue import Claim
from broker.store.record import CALLING_TOLD
from broker.store.streams import Batch, Entries

BODY = b'{"model":"m","messages":[]}'
TTL_SLACK = 60_000  # ms that a TTL may have run down by the time a test looks
HOLDER = "worker-1"
INTERACTIVE, BATCH = Options(), Options(priority="batch")


def new_job(
    name: str = "r1",
    *,
    account: str = "acme",
    body: bytes = BODY,
    dialect: str = "chat",
    options: Options = INTERACTIVE,
    most_open: int | None = None,
    share: float = 1.0,
    most_bytes: int | None = None,
    **more: Any,
) -> NewJob:
    """A job that can be created; its request id is ``name``; ``more`` is as in NewJob."""
    return NewJob(
        key=job_key(account, name),
        account=account,
        request_id=name,
        dialect=dialect,
        model="m",
        digest=hashlib.sha256(body).hexdigest(),
        body=body,
        task=b"task of " + name.encode(),
        options=options,
        limits=Limits(open=most_open, share=share, bytes=most_bytes),
        **more,
    )


def raw(store: Store) -> Any:
    """The plain client, to look at the store or to damage it."""
    return store.client


async def running(store: Store, name: str = "r1", **options: Any) -> Claim:
    """A job that was created and claimed just now; the queue must be empty before."""
    new = new_job(name, **options)
    assert (await store.jobs.create(new)).created
    (claim,) = await store.queue.claim(store.keys.partition(new.key), HOLDER, 1)
    assert claim.job.key == new.key
    return claim


def terminal(state: JobState) -> Frame:
    return Frame(Kind.TERMINAL, msgspec.json.encode(Terminal(state=state)))


def batch(
    claim: Claim,
    first: int,
    *texts: bytes,
    kind: Kind = Kind.DIALECT,
    final: JobState | None = None,
    definitions: tuple[tuple[int, bytes], ...] = (),
    payload: bytes = b"",
) -> Batch:
    """Frames with these bodies from ``first`` on, then a terminal if ``final`` is given.

    ``payload`` is encoded already: one frame against a template of ``definitions``. The record
    is told of the attempt, as with a holder's first frame.
    """
    frames = [Frame(kind, text) for text in texts]
    if final is not None:
        frames.append(terminal(final))
    last = first + len(frames) - 1 + bool(payload)
    delivered = (texts and kind is Kind.DIALECT) or payload
    return Batch(
        key=claim.job.key,
        token=claim.token,
        first=first,
        last=last,
        payload=payload + b"".join(verbatim(frame.kind, frame.body) for frame in frames),
        definitions=definitions,
        fields=(CALLING_TOLD, ("delivered", b"1")) if delivered else (CALLING_TOLD,),
        final=final,
    )


async def append(store: Store, *batches: Batch) -> list[int]:
    """The verdicts; all the batches must be of one partition."""
    return await store.streams.append(store.keys.partition(batches[0].key), batches)


async def rescue(store: Store) -> Any:
    """One tick over the only partition."""
    return await store.leases.rescue(store.keys.partitions[0])


def numbered(entries: Entries, after: int = 0) -> dict[int, Frame]:
    """The frames that a read brought, by number, those up to the cursor dropped."""
    found: dict[int, Frame] = {}
    for last, payload in entries.rows:
        frames = decode(payload, entries.templates)
        for number, frame in enumerate(frames, last - len(frames) + 1):
            assert number not in found
            if number > after:
                found[number] = frame
    return found


async def frames(store: Store, key: str) -> dict[int, Frame]:
    """All frames of a stream by number."""
    return numbered(await store.streams.read(key, 0, 1000, 1 << 30))


def names(store: Store, key: str) -> dict[str, str]:
    """The job's own keys in the store, by kind."""
    prefix = store.keys.partition(key).prefix
    kinds = ("job", "stream", "ended", "templates", "body")
    return {kind: f"{prefix}{kind}:{key}" for kind in kinds}


async def left(store: Store, name: str) -> int:
    """What is left of a key's life in ms; -1 without an end, -2 if there is no such key."""
    remaining: int = await raw(store).pttl(name)
    return remaining


async def waiting(store: Store) -> tuple[int, int]:
    """Jobs in the queue, and wake tokens."""
    partition = store.keys.partitions[0]
    return await raw(store).zcard(partition.prefix + "queue"), await raw(store).llen(partition.wake)


async def waiting_batch(store: Store) -> tuple[int, int]:
    """Jobs in the batch queue, and its wake tokens."""
    partition = store.keys.partitions[0]
    batch = await raw(store).zcard(partition.prefix + "batch")
    return batch, await raw(store).llen(partition.wake_batch)


async def now_ms(store: Store) -> int:
    """The store's clock."""
    seconds, micros = await raw(store).time()
    return int(seconds) * 1000 + int(micros) // 1000


async def score(store: Store, name: str, key: str) -> float | None:
    """The job's score in one of its partition's sorted sets."""
    found: float | None = await raw(store).zscore(store.keys.partition(key).prefix + name, key)
    return found


async def pass_by(store: Store, name: str, *keys: str) -> None:
    """Let the times of jobs in a sorted set be over, whatever the clock says."""
    for key in keys:
        own = store.keys.partition(key).prefix + name
        assert await raw(store).zadd(own, {key: 0}, xx=True, ch=True) == 1


async def arm(store: Store, partition: Partition | None = None) -> None:
    """Make the next tick rescue: the last was just now, on this server, nothing held off."""
    partition = partition or store.keys.partitions[0]
    await store.leases.rescue(partition)
    await raw(store).hset(partition.prefix + "tick", "until", 0)


async def lease_of(store: Store, key: str) -> str:
    """A job's member of the leases, if it is held under the token of its record."""
    token = await raw(store).hget(names(store, key)["job"], "token")
    return f"{key}:{int(token)}"


async def expire(store: Store, *keys: str) -> None:
    """Let the leases of running jobs be over."""
    for key in keys:
        own = store.keys.partition(key).prefix + "leases"
        assert await raw(store).zadd(own, {await lease_of(store, key): 0}, xx=True, ch=True) == 1


async def set_tick(store: Store, **fields: str | int) -> None:
    """Change what the last tick of the only partition left behind."""
    await raw(store).hset(store.keys.partitions[0].prefix + "tick", mapping=fields)


async def half_window_passes(store: Store, target: str) -> None:
    """For the counts of a breaker that has counted."""
    await raw(store).hincrby(store.keys.partitions[0].prefix + f"breaker:{target}", "bucket", -1)


async def wait_is_over(store: Store, target: str) -> None:
    """The cooldown of an open breaker, or the time of a trial."""
    await raw(store).hset(store.keys.partitions[0].prefix + f"breaker:{target}", "until", 1)


@asynccontextmanager
async def listening(store: Store, channel: str) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Subscribed; the call waits for the next message."""
    pubsub: Any = raw(store).pubsub()
    await pubsub.subscribe(channel)

    async def heard() -> bytes:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            message = await pubsub.get_message(timeout=1)
            if message is not None and message["type"] == "message":
                data: bytes = message["data"]
                return data
        raise AssertionError(f"nothing was published on {channel}")

    try:
        while (message := await pubsub.get_message(timeout=5))["type"] != "subscribe":
            raise AssertionError(message)
        yield heard
    finally:
        await pubsub.aclose()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    """Return once the condition holds; fail if it doesn't within ``seconds``."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, "the condition never came to hold"
        await asyncio.sleep(0.005)  # between two looks

"""A store whose host crashed: away for a while, then back without the end of its log.

A process that is killed loses nothing of an append-only file, so the crash is made: the last
bytes of the file are cut off. They may hold frames, claims, jobs.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from rig.cluster import WAIT, Cluster, ask, until
from rig.evidence import replay
from rig.sse_reader import SseReader, always

_BEGUN = 10  # events


def log_of(cluster: Cluster) -> Path:
    """The append-only file that grows."""
    (log,) = cluster.server.data.glob("appendonlydir/*.incr.aof")
    return log


async def grown(cluster: Cluster, size: int) -> None:
    """Return once the log has so many bytes more than now: what follows cuts off no more."""
    log = log_of(cluster)
    begun = log.stat().st_size
    await until(lambda: log.stat().st_size > begun + size)


def crash(cluster: Cluster, size: int) -> None:
    """Kill the store, and cut the last bytes of its log off."""
    cluster.server.kill()
    log = log_of(cluster)
    os.truncate(log, max(0, log.stat().st_size - size))


async def crash_for(cluster: Cluster, size: int, seconds: float) -> None:
    """The same; the store is back after so many seconds."""
    crash(cluster, size)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(cluster.server.start)


class Sent(NamedTuple):
    """What a reader was sent."""

    request_id: str
    is_chat: bool
    sent: bytes


def used_twice(readers: Iterable[SseReader], others: Iterable[Sent] = ()) -> list[str]:
    """Numbers that stood for two frames, among all that readers were ever sent."""
    seen: dict[tuple[str, bool, int], bytes] = {}
    found: list[str] = []
    sent = [Sent(reader.request_id, reader.is_chat, reader.transcript) for reader in readers]
    for request_id, is_chat, transcript in [*sent, *others]:
        for number, event in _events(transcript):
            if seen.setdefault((request_id, is_chat, number), event) != event:
                found.append(f"{request_id}: {number}")
    return found


def _events(transcript: bytes) -> Iterable[tuple[int, bytes]]:
    """(number, bytes); those that bear one number are taken together."""
    events: dict[int, bytes] = defaultdict(bytes)
    for block in transcript.split(b"\n\n")[:-1]:
        events[int(block.partition(b"\n")[0].removeprefix(b"id: "))] += block
    return events.items()


# ── Readers of many streams ───────────────────────────────────────────────────────────────


async def under_way(cluster: Cluster, name: str, model: str, count: int) -> list[SseReader]:
    """Readers of as many streams, half of them native and half of them chat, all begun."""
    prompts = await cluster.submit_all(f"{name}-native", model, count // 2)
    calls: list[tuple[str, dict[str, Any] | None]] = [(prompt, None) for prompt in prompts]
    for number in range(count - len(prompts)):
        prompt = f"{name}-chat-{number}"
        calls.append((prompt, ask(model, prompt)))
    readers = [
        SseReader(cluster.session, prompt, always(cluster.urls[n // 2 % len(cluster.urls)]), call)
        for n, (prompt, call) in enumerate(calls)
    ]
    for reader in readers:
        reader.start()
    await asyncio.gather(*(r.reached(lambda r: len(r.events) > _BEGUN, WAIT) for r in readers))
    return readers


async def leave(readers: Iterable[SseReader]) -> None:
    """Their clients go away; ``start`` brings them back, with their cursors."""
    for reader in readers:
        assert reader.task is not None
        reader.task.cancel()
        await asyncio.wait((reader.task,))


async def replays(cluster: Cluster, readers: Iterable[SseReader]) -> list[Sent]:
    """What a reader that comes now is sent of each of their streams."""
    return [
        Sent(
            reader.request_id,
            reader.is_chat,
            await replay(cluster, reader.request_id, 0, reader.model),
        )
        for reader in readers
    ]


async def ask_whole(cluster: Cluster, prompt: str, model: str, api: int) -> tuple[int, str]:
    """Call, and wait for the whole answer: status and text."""
    url = f"{cluster.urls[api % len(cluster.urls)]}/v1/chat/completions"
    headers = {"Idempotency-Key": prompt}
    async with cluster.session.post(url, json=ask(model, prompt), headers=headers) as response:
        return response.status, await response.text()


def says_so(reader: SseReader) -> bool:
    """Whether its terminal says that frames were lost."""
    last = reader.events[-1]
    return last.ends and b"frames_lost" in last.raw


def final_statuses(reader: SseReader) -> list[int]:
    """The statuses that ended it, 204 among them: none should, of who was streamed to."""
    return [status for status in reader.statuses if status < 500]

"""What the store holds of a job after a fault, and what must be true of it."""

import msgspec

from broker.codec import decode
from broker.cursor import passed_over
from broker.frames import Frame, Kind
from broker.model import JobState, Terminal
from rig.cluster import WAIT, Cluster, ask, key
from rig.sse_reader import SseReader, always


async def stored_frames(cluster: Cluster, prompt: str) -> list[Frame]:
    """The stream's frames as stored; fails unless they are numbered without a gap.

    Where the record says that the numbers break off, they go on from the one that it says.
    """
    frames: list[Frame] = []
    cursor, more = 0, True
    while more:
        entries = await cluster.store.streams.read(key(prompt), cursor)
        for last, payload in entries.rows:
            found = decode(payload, entries.templates)
            first = last - len(found) + 1
            unbroken = first == passed_over(cursor, entries.breaks) + 1
            assert unbroken, f"{prompt}: {cursor} is followed by {first}"
            frames += found
            cursor = last
        more = entries.more
    return frames


async def terminal_of(cluster: Cluster, prompt: str) -> Terminal:
    """The stream's one terminal; fails if it is not its last frame, or not its only one."""
    frames = await stored_frames(cluster, prompt)
    places = [place for place, frame in enumerate(frames) if frame.kind == Kind.TERMINAL]
    assert places == [len(frames) - 1], f"{prompt}: terminals at {places} of {len(frames)}"
    terminal = msgspec.json.decode(frames[-1].body, type=Terminal)
    assert (await cluster.job(prompt)).state is terminal.state
    return terminal


async def replay(cluster: Cluster, prompt: str, api: int, model: str | None = None) -> bytes:
    """An uncut read of the whole stream, of the chat view if the job's model is given."""
    call = None if model is None else ask(model, prompt)
    reader = SseReader(cluster.session, prompt, always(cluster.urls[api]), call)
    await reader.start().finish(WAIT)
    assert reader.connections == 1
    return reader.transcript


async def check_whole(cluster: Cluster, prompt: str, tokens: int, *, drains: bool = False) -> None:
    """The answer is complete, in one attempt of one call, under one lease.

    ``drains``: workers do, and hand back uncalled what a claim under way brings them.
    """
    assert (await terminal_of(cluster, prompt)).state is JobState.COMPLETED
    frames = await stored_frames(cluster, prompt)
    content = [frame for frame in frames if b'"content":"' in frame.body]
    assert len([frame for frame in content if b'"content":""' not in frame.body]) == tokens
    job = await cluster.job(prompt)
    assert [attempt.outcome for attempt in job.attempts] == ["completed"]
    assert job.losses == 0
    assert job.claims == 1 or drains
    assert await cluster.sim_calls(prompt) == 1

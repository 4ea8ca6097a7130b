"""A spoiled stream through all that is done with an answer, without a server between."""

import asyncio
import json
import random
from contextlib import aclosing

import msgspec

from broker.codec import Encoder
from broker.dialects.native import NativeView
from broker.dialects.registry import DIALECTS
from broker.dialects.wire import encode
from broker.frames import Frame, Kind
from broker.model import JobState, Terminal
from tests.hostile.ends import may_be_whole
from tests.hostile.spoiling import Spoiled
from tests.recorded.played import Played
from tests.recorded.reading import events_of
from tests.recorded.surfaces import request
from workers.joining import Joining, ToolCalls
from workers.providers.base import Call, ProviderFailure, Reply
from workers.providers.translated import speaking

_SIZES = (1, 40, 4000)  # bytes of a piece
NATIVE = frozenset(("attempt", "whole", "end", "retry", "error"))  # names that are the broker's


class Outcome:
    """What one attempt came to."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.reply = Reply()
        self.failed: str | None = None


async def answered(
    case: Spoiled, caller: str, joining: Joining | None = None, hold: bool = False, seed: int = 0
) -> Outcome:
    """An attempt as a worker makes it."""
    outcome = Outcome()
    played = Played(case.dialect, case.body, random.Random(seed), _SIZES)
    provider = speaking(played, case.dialect, caller)
    call = Call("r1", "m", request(caller, "m", "Hi"), key="k" * 20)
    holding = ToolCalls(DIALECTS[caller]) if hold else None
    try:
        async with aclosing(provider.stream(call, outcome.reply)) as stream:
            async for received in stream:
                frames = joining.join(received) if joining else received
                outcome.frames += holding.pass_on(frames) if holding else frames
        if joining:
            joining.end()
        if holding:
            outcome.frames += holding.release()
    except ProviderFailure as error:
        outcome.failed = error.failure.code or error.failure.type
        msgspec.json.encode(error.failure)
    return outcome


def check(case: Spoiled, caller: str, seed: int) -> None:
    """Fails if anything raises, or comes out that must not."""
    outcome = asyncio.run(answered(case, caller, seed=seed))
    if case.harmless and (caller == case.dialect or outcome.failed != "unexpressible_answer"):
        assert outcome.failed is None, outcome.failed
    if outcome.failed is None:
        assert may_be_whole(case.dialect, case.body), "completed, though it was not whole"
    look(caller, outcome, seed)
    dialect = DIALECTS[caller]
    lost = [Frame(Kind.NATIVE, b'event: attempt\ndata: {"number":1}'), *outcome.frames]
    transcript = dialect.transcript(lost)
    again = Spoiled(case.dialect, seed + 1)
    for second in (case, again):
        for mode in ("continue", "replay"):
            if mode == "continue" and not transcript.prefillable:
                continue
            joining = Joining(dialect, transcript, mode, outcome.reply.usage)
            encode(joining.request(request(caller, "m", "Hi")))
            more = asyncio.run(answered(second, caller, joining, seed=seed))
            more.frames = [*outcome.frames, *more.frames]
            look(caller, more, seed)
    asyncio.run(answered(case, caller, hold=True, seed=seed))


def look(caller: str, outcome: Outcome, seed: int) -> None:
    """What is done with frames that were delivered."""
    dialect = DIALECTS[caller]
    terminal = Terminal(JobState.COMPLETED, usage=outcome.reply.usage)
    frames = [*outcome.frames, Frame(Kind.TERMINAL, msgspec.json.encode(terminal))]
    encoder, out = Encoder(), bytearray()
    for frame in outcome.frames:
        assert frame.body.count(b"\n\n") == 0, frame.body[:200]
        assert b"\r" not in frame.body, frame.body[:200]
        encoder.encode(frame.kind, frame.body, out)
    asked = {**request(caller, "m", "Hi"), "stream": True}
    views = [dialect.view(asked), NativeView("r1", numbers=dialect.numbers)]
    for view in views:
        rendered = view.render(1, frames)
        events = events_of(rendered)
        assert rendered.count(b"\n\n") == len(events), "an event was lost or torn"
        ids = [event.id or 0 for event in events]
        assert ids == sorted(ids)
        own = [event for event in events if event.name in NATIVE]
        assert [event.name for event in own] == (["end"] if view is views[1] else []), own[:2]
        for event in events:
            if event.data != b"[DONE]":
                json.loads(event.data.decode(), parse_int=str)
    json.loads(encode(dialect.fold(frames)), parse_int=str)
    transcript = dialect.transcript(frames)
    assert isinstance(transcript.silent, bool)
    assert isinstance(transcript.complete(1), bool)
    assert isinstance(transcript.prefillable, bool)
    assert transcript.length >= 0
    said = outcome.reply.said or transcript.said
    encode(dialect.estimate(dialect.prompt(asked), transcript.length, 3, said))
    msgspec.json.encode([outcome.reply.usage, outcome.reply.said, outcome.reply.provider_id])

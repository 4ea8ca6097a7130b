"""A plausible answer through all that is done with one: decoder, translation, view and fold."""

from contextlib import aclosing
from random import Random
from typing import Any

import msgspec

from broker.dialects.registry import DIALECTS
from broker.frames import Frame, Kind
from broker.model import Failure, JobState, Terminal
from tests.plausible.case import Case
from tests.recorded.played import Played
from tests.recorded.reading import Event, events_of
from tests.recorded.surfaces import request
from workers.joining import ToolCalls
from workers.providers.base import Call, ProviderFailure, Reply
from workers.providers.translated import speaking

_SIZES = (40, 400, 4000)  # bytes of a piece


class Outcome:
    """What became of a case: a failure, or what its caller is given."""

    def __init__(self, failure: Failure | None, reply: Reply, frames: list[Frame]) -> None:
        self.failure = failure
        self.reply = reply
        self.frames = frames

    def events(self, caller: str) -> list[Event]:
        """The stream that a caller reads."""
        terminal = Terminal(JobState.COMPLETED, usage=self.reply.usage)
        frames = [*self.frames, Frame(Kind.TERMINAL, msgspec.json.encode(terminal))]
        asked = {**request(caller, "m", "Hi"), "stream": True}
        if caller == "chat":
            asked["stream_options"] = {"include_usage": True}
        return events_of(DIALECTS[caller].view(asked).render(1, frames))

    def result(self, caller: str) -> dict[str, Any]:
        """The whole answer."""
        return DIALECTS[caller].fold(self.frames)


async def played(case: Case) -> Outcome:
    """An attempt as a worker makes it, its calls held back half the time."""
    caller = case.cell.caller
    dialect, whole = case.cell.dialect, case.cell.form == "whole"
    played = Played(dialect, case.body, Random(case.name), _SIZES, whole=whole)
    provider = speaking(played, dialect, caller)
    call = Call("r1", "m", request(caller, "m", "Hi"), key="k" * 20, response_id="resp_k")
    reply, frames = Reply(), list[Frame]()
    holding = ToolCalls(DIALECTS[caller]) if case.drawn.random() < 0.5 else None
    try:
        async with aclosing(provider.stream(call, reply)) as stream:
            async for received in stream:
                frames += holding.pass_on(received) if holding else received
        if holding:
            frames += holding.release()
    except ProviderFailure as error:
        return Outcome(error.failure, reply, frames)
    return Outcome(None, reply, frames)

"""A plausible answer through all that is done with one: decoder, translation, view and fold."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from random import Random
from typing import Any

import msgspec

from broker.dialects.registry import DIALECTS
from broker.frames import Frame, Kind
from broker.model import Failure, JobState, Terminal
from broker.settings import Provider as ProviderSettings
from tests.plausible.case import Case
from tests.recorded.reading import Event, events_of
from tests.recorded.surfaces import request
from workers.joining import ToolCalls
from workers.providers import failures
from workers.providers.asking import split
from workers.providers.base import Call, Held, ProviderFailure, Reply, Sink
from workers.providers.chat import ChatProvider
from workers.providers.gemini import GeminiProvider
from workers.providers.messages import MessagesProvider
from workers.providers.responses import ResponsesProvider
from workers.providers.slices import in_groups
from workers.providers.splitter import SseSplitter
from workers.providers.translated import speaking
from workers.providers.upstream import Upstream

_UPSTREAMS: dict[str, type[Upstream]] = {
    "chat": ChatProvider,
    "messages": MessagesProvider,
    "responses": ResponsesProvider,
    "gemini": GeminiProvider,
}


class _Provider:
    """A provider that answers with a case's bytes, cut anywhere."""

    resumes = False

    def __init__(self, case: Case) -> None:
        dialect = case.cell.dialect
        settings = ProviderSettings(base_url="http://127.0.0.1:9")
        session: Any = None  # nothing is sent
        self._upstream = _UPSTREAMS[dialect](dialect, settings, None, session)
        self._case = case
        self._drawn = Random(case.name)

    async def stream(
        self, call: Call, reply: Reply, sink: Sink | None = None
    ) -> AsyncGenerator[list[Frame], None]:
        body = self._case.body
        if self._case.cell.form == "whole":
            for frames in in_groups(self._upstream._whole(call, body, reply)):
                yield frames
            return
        splitter, decoder = SseSplitter(), self._upstream._decoder(call, reply)
        while body:
            size = self._drawn.choice((40, 400, 4000, len(body)))
            frames = decoder.feed(split(splitter, body[:size]))
            body = body[size:]
            if frames:
                yield frames
            if decoder.failure is not None:
                raise ProviderFailure(decoder.failure)
            if decoder.done:
                return
        if not decoder.finished:
            raise ProviderFailure(failures.cut())

    def knows(self, held: Held) -> bool:
        return False

    async def stop(self, call: Call) -> None:
        raise AssertionError("nothing here goes on by itself")


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
    provider = speaking(_Provider(case), case.cell.dialect, caller)
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

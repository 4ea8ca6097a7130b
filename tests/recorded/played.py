"""A provider that answers with given bytes, cut anywhere: its decoder, and no connection."""

import random
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from broker.frames import Frame
from broker.settings import Provider as ProviderSettings
from workers.providers import failures
from workers.providers.asking import split
from workers.providers.base import Call, Held, ProviderFailure, Reply, Sink
from workers.providers.chat import ChatProvider
from workers.providers.gemini import GeminiProvider
from workers.providers.messages import MessagesProvider
from workers.providers.responses import ResponsesProvider
from workers.providers.slices import in_groups
from workers.providers.splitter import SseSplitter
from workers.providers.upstream import Upstream

_UPSTREAMS: dict[str, type[Upstream]] = {
    "chat": ChatProvider,
    "messages": MessagesProvider,
    "responses": ResponsesProvider,
    "gemini": GeminiProvider,
}


class Played:
    """Answers each call with ``body``: one object if ``whole``, else events that arrive in pieces
    of these ``sizes``, or all that is left at once."""

    resumes = False

    def __init__(
        self,
        dialect: str,
        body: bytes,
        drawn: random.Random,
        sizes: Sequence[int],
        *,
        whole: bool = False,
    ) -> None:
        settings = ProviderSettings(base_url="http://127.0.0.1:9")
        session: Any = None  # nothing is sent
        self._upstream = _UPSTREAMS[dialect](dialect, settings, None, session)
        self._body = body
        self._drawn = drawn
        self._sizes = sizes
        self._whole = whole

    async def stream(
        self, call: Call, reply: Reply, sink: Sink | None = None
    ) -> AsyncGenerator[list[Frame], None]:
        body = self._body
        if self._whole:
            for frames in in_groups(self._upstream._whole(call, body, reply)):
                yield frames
            return
        splitter, decoder = SseSplitter(), self._upstream._decoder(call, reply)
        while body:
            size = self._drawn.choice((*self._sizes, len(body)))
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

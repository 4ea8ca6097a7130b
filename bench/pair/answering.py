"""Run by path, in a process of the build that is measured: translates answers when asked to.

    python -P bench/pair/answering.py FOLDER

FOLDER has a stream of every provider's dialect. Each line ``CALLER PROVIDER`` on stdin is answered
by a line with the milliseconds of CPU that one answer took, from the provider's bytes to the
caller's frames. Only what both builds have is imported, nothing of the bench.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from time import process_time
from typing import Any

from broker.dialects.responses import Inbound
from broker.frames import Frame
from broker.process import prepare
from workers.providers.base import Call, Reply
from workers.providers.chat_decoder import ChatDecoder
from workers.providers.gemini_decoder import GeminiDecoder
from workers.providers.messages_decoder import MessagesDecoder
from workers.providers.responses_decoder import ResponsesDecoder
from workers.providers.splitter import SseSplitter
from workers.providers.translated import TranslatedProvider

_READ = 4096  # bytes: some twenty events

_DECODERS: dict[str, Any] = {
    "chat": ChatDecoder,
    "messages": MessagesDecoder,
    "responses": lambda reply: ResponsesDecoder(reply, Inbound("resp_1", {})),
    "gemini": GeminiDecoder,
}


class Recorded:
    """A provider that answers every call with the same bytes."""

    resumes = False

    def __init__(self, dialect: str, data: bytes) -> None:
        self._dialect = dialect
        self._data = data

    async def stream(
        self, call: Call, reply: Reply, sink: Any = None
    ) -> AsyncGenerator[list[Frame], None]:
        """See ``workers.providers.base.Provider``."""
        splitter, decoder = SseSplitter(), _DECODERS[self._dialect](reply)
        for place in range(0, len(self._data), _READ):
            frames = decoder.feed(splitter.feed(self._data[place : place + _READ]))
            if frames:
                yield frames
        if not decoder.finished:
            raise AssertionError(f"{self._dialect}: {decoder.failure}")


async def answer(provider: TranslatedProvider, caller: str) -> list[Frame]:
    """Take one answer, in the caller's frames."""
    said = {"input": "x"} if caller == "responses" else {"messages": [_SAID], "max_tokens": 9}
    call = Call("r", "m", {"model": "m", **said})
    return [frame async for frames in provider.stream(call, Reply()) for frame in frames]


_SAID = {"role": "user", "content": "x"}


def main(folder: str) -> None:
    """Answer until stdin ends."""
    prepare()  # as a worker does: the collector's thresholds count
    streams = {path.stem: path.read_bytes() for path in Path(folder).glob("*.sse")}
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            caller, spoken = line.split()
            recorded: Any = Recorded(spoken, streams[spoken])
            provider = TranslatedProvider(recorded, spoken, caller)
            begun = process_time()
            frames = runner.run(answer(provider, caller))
            took = process_time() - begun
            if not frames:
                raise AssertionError(f"{spoken} to {caller}: nothing was said")
            print(took * 1000, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

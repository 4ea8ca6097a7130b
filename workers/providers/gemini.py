"""A provider that speaks Google's ``generateContent``; no caller does.

It is asked in its own words and answers in them: ``translated`` stands between it and every
job. The base URL ends in the version, ``https://generativelanguage.googleapis.com/v1beta``.
"""

from collections.abc import AsyncGenerator
from urllib.parse import quote

import aiohttp
import msgspec

from broker.frames import Frame
from broker.settings import Provider as ProviderSettings
from broker.settings import Secret
from workers.providers import failures, gemini_failures
from workers.providers.asking import headers, is_whole, split
from workers.providers.base import Call, ProviderFailure, Reply
from workers.providers.exchange import Exchange
from workers.providers.gemini_decoder import GeminiDecoder, decode_whole
from workers.providers.splitter import SseSplitter

WHOLE_LIMIT = 64 * 1024 * 1024  # bytes of a whole answer


class GeminiProvider:
    """One account of Google's; keeps nothing of a call."""

    def __init__(
        self,
        name: str,
        provider: ProviderSettings,
        key: Secret | None,
        session: aiohttp.ClientSession,
    ) -> None:
        self.name = name
        self._base = provider.base_url.rstrip("/")
        self._provider = provider
        self._key = key
        self._session = session

    async def stream(self, call: Call, reply: Reply) -> AsyncGenerator[list[Frame], None]:
        """See ``base.Provider``; the request is a ``generateContent`` body, and so are frames."""
        streams = self._provider.streams and call.wants_stream
        own = {} if self._key is None else {"x-goog-api-key": self._key.reveal().strip()}
        async with Exchange(self._session, call.timeouts) as exchange:
            body = msgspec.json.encode(call.request)
            await exchange.post(
                self._url(call.model, streams), headers(self._provider, streams, own), body
            )
            if await is_whole(exchange, gemini_failures.refused):
                frame = decode_whole(await exchange.whole(WHOLE_LIMIT), reply)
                reply.first_token = exchange.elapsed
                exchange.complete()
                yield [frame]
                return
            splitter, decoder = SseSplitter(), GeminiDecoder(reply)
            async for data in exchange:
                events = split(splitter, data)
                if not events:
                    continue
                exchange.progress(len(events))
                if frames := decoder.feed(events):
                    if reply.first_token is None:
                        reply.first_token = exchange.elapsed
                    yield frames
                if decoder.failure is not None:
                    raise ProviderFailure(decoder.failure)
            if not decoder.finished:
                raise ProviderFailure(exchange.lost or failures.cut())

    def _url(self, model: str, streams: bool) -> str:
        path = model if "/" in model else f"models/{model}"  # a tuned model has its own path
        method = "streamGenerateContent?alt=sse" if streams else "generateContent"
        return f"{self._base}/{quote(path)}:{method}"

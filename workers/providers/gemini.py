"""A provider that speaks Google's ``generateContent``; no caller does.

It is asked in its own words and answers in them: ``translated`` stands between it and every
job. The base URL ends in the version, ``https://generativelanguage.googleapis.com/v1beta``.
"""

from collections.abc import AsyncGenerator
from urllib.parse import quote

import aiohttp
import msgspec
from multidict import CIMultiDict

from broker.frames import Frame
from broker.settings import Provider as ProviderSettings
from broker.settings import Secret
from workers.providers import failures, gemini_failures
from workers.providers.base import Call, ProviderFailure, Reply
from workers.providers.exchange import Exchange
from workers.providers.gemini_decoder import GeminiDecoder, decode_whole
from workers.providers.splitter import EventTooLarge, SseEvent, SseSplitter

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
        async with Exchange(self._session, call.timeouts) as exchange:
            body = msgspec.json.encode(call.request)
            await exchange.post(self._url(call.model, streams), self._headers(streams), body)
            if await _is_whole(exchange):
                frame = decode_whole(await exchange.whole(WHOLE_LIMIT), reply)
                reply.first_token = exchange.elapsed
                exchange.complete()
                yield [frame]
                return
            splitter, decoder = SseSplitter(), GeminiDecoder(reply)
            async for data in exchange:
                events = _split(splitter, data)
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

    def _headers(self, streams: bool) -> CIMultiDict[str]:
        headers = CIMultiDict(
            {
                "Content-Type": "application/json",
                "Accept": "text/event-stream" if streams else "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "streamhold",
            }
        )
        if self._key is not None:
            headers["x-goog-api-key"] = self._key.reveal().strip()
        headers.update(self._provider.headers)  # the operator has the last word
        return headers


async def _is_whole(exchange: Exchange) -> bool:
    """Whether the answer is one JSON object; false if it is a stream of events.

    Raises:
        ProviderFailure: it is neither, or it has another status than 200.
    """
    response = exchange.response
    if response.status != 200:
        raise ProviderFailure(await exchange.refusal(gemini_failures.refused))
    if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise ProviderFailure(failures.garbled("content_encoding"))
    if response.content_type not in ("text/event-stream", "application/json"):
        raise ProviderFailure(failures.garbled("content_type"))
    return response.content_type == "application/json"


def _split(splitter: SseSplitter, data: bytes) -> list[SseEvent]:
    try:
        return splitter.feed(data)
    except EventTooLarge as error:
        raise ProviderFailure(failures.garbled("event_too_large")) from error

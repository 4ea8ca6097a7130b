"""A provider that speaks the responses dialect: OpenAI's ``/responses`` and its kin."""

from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import msgspec

from broker.dialects.responses import Inbound, response_id
from broker.frames import Frame
from broker.settings import Provider as ProviderSettings
from broker.settings import Secret
from workers.providers import failures
from workers.providers.asking import bearer, headers, is_whole, split
from workers.providers.base import Call, ProviderFailure, Reply
from workers.providers.exchange import Exchange
from workers.providers.responses_decoder import ResponsesDecoder, decode_whole
from workers.providers.splitter import SseSplitter

WHOLE_LIMIT = 64 * 1024 * 1024  # bytes of a whole answer


class ResponsesProvider:
    """One account of a responses provider; keeps nothing of a call."""

    def __init__(
        self,
        name: str,
        provider: ProviderSettings,
        key: Secret | None,
        session: aiohttp.ClientSession,
    ) -> None:
        self.name = name
        self._url = provider.base_url.rstrip("/") + "/responses"
        self._provider = provider
        self._key = key
        self._session = session

    async def stream(self, call: Call, reply: Reply) -> AsyncGenerator[list[Frame], None]:
        """See ``base.Provider``. A JSON answer, asked for or not, is told as events."""
        streams = self._provider.streams and call.wants_stream
        inbound = Inbound(response_id(call.key), call.request)
        async with Exchange(self._session, call.timeouts) as exchange:
            sent = headers(self._provider, streams, bearer(self._key))
            await exchange.post(self._url, sent, _body(call, streams))
            if await is_whole(exchange):
                body = await exchange.whole(WHOLE_LIMIT)
                exchange.complete()
                frames = decode_whole(body, reply, inbound)
                reply.first_token = exchange.elapsed
                yield frames
                return
            splitter, decoder = SseSplitter(), ResponsesDecoder(reply, inbound)
            async for data in exchange:
                events = split(splitter, data)
                if not events:
                    continue
                exchange.progress(len(events))
                frames = decoder.feed(events)
                if decoder.done:
                    exchange.complete()
                if frames:
                    if reply.first_token is None:
                        reply.first_token = exchange.elapsed
                    yield frames
                if decoder.failure is not None:
                    raise ProviderFailure(decoder.failure)
                if decoder.done:
                    return
            raise ProviderFailure(exchange.lost or failures.cut())


def _body(call: Call, streams: bool) -> bytes:
    """The caller's body with the provider's model name and our way of streaming.

    That it is to run in the background is between the caller and us: every call here does.
    """
    body: dict[str, Any] = {**call.request, "model": call.model, "stream": streams}
    body.pop("background", None)
    if not streams:
        body.pop("stream_options", None)
    if call.previous is not None:
        body["previous_response_id"] = call.previous
    return msgspec.json.encode(body)

"""A provider that speaks the chat dialect: OpenAI's ``/chat/completions`` and its kin."""

from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import msgspec

from broker.frames import Frame
from broker.settings import Provider as ProviderSettings
from broker.settings import Secret
from workers.providers import failures
from workers.providers.asking import headers, is_whole, split
from workers.providers.base import Call, ProviderFailure, Reply
from workers.providers.chat_decoder import ChatDecoder, decode_whole
from workers.providers.exchange import Exchange
from workers.providers.splitter import SseSplitter

WHOLE_LIMIT = 64 * 1024 * 1024  # bytes of a whole answer


class ChatProvider:
    """One account of a chat provider; keeps nothing of a call."""

    def __init__(
        self,
        name: str,
        provider: ProviderSettings,
        key: Secret | None,
        session: aiohttp.ClientSession,
    ) -> None:
        self.name = name
        self._url = provider.base_url.rstrip("/") + "/chat/completions"
        self._provider = provider
        self._key = key
        self._session = session

    async def stream(self, call: Call, reply: Reply) -> AsyncGenerator[list[Frame], None]:
        """See ``base.Provider``. A JSON answer, asked for or not, is one frame of kind WHOLE."""
        streams = self._provider.streams and call.wants_stream
        async with Exchange(self._session, call.timeouts) as exchange:
            sent = headers(self._provider, self._key, streams)
            await exchange.post(self._url, sent, _body(call, streams))
            if await is_whole(exchange):
                frame = decode_whole(await exchange.whole(WHOLE_LIMIT), reply)
                reply.first_token = exchange.elapsed
                exchange.complete()
                yield [frame]
                return
            splitter, decoder = SseSplitter(), ChatDecoder(reply, _choices(call.request))
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
            if not decoder.finished:
                raise ProviderFailure(exchange.lost or failures.cut())


def _body(call: Call, streams: bool) -> bytes:
    """The caller's body with the provider's model name and our way of streaming."""
    body: dict[str, Any] = {**call.request, "model": call.model, "stream": streams}
    if streams:
        own = body.get("stream_options")
        body["stream_options"] = {**(own if isinstance(own, dict) else {}), "include_usage": True}
    else:
        body.pop("stream_options", None)
    return msgspec.json.encode(body)


def _choices(request: dict[str, Any]) -> int:
    wanted = request.get("n")
    return wanted if isinstance(wanted, int) and wanted > 0 else 1

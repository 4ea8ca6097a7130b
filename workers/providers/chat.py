"""A provider that speaks the chat dialect: OpenAI's ``/chat/completions`` and its kin."""

from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import msgspec
from multidict import CIMultiDict

from broker.frames import Frame
from broker.settings import Provider as ProviderSettings
from broker.settings import Secret
from workers.providers import failures
from workers.providers.base import Call, ProviderFailure, Reply
from workers.providers.chat_decoder import ChatDecoder, decode_whole
from workers.providers.exchange import Exchange
from workers.providers.splitter import EventTooLarge, SseEvent, SseSplitter

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
            await exchange.post(self._url, self._headers(streams), _body(call, streams))
            if await _is_whole(exchange):
                frame = decode_whole(await exchange.whole(WHOLE_LIMIT), reply)
                reply.first_token = exchange.elapsed
                exchange.complete()
                yield [frame]
                return
            splitter, decoder = SseSplitter(), ChatDecoder(reply, _choices(call.request))
            async for data in exchange:
                events = _split(splitter, data)
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
            headers["Authorization"] = f"Bearer {self._key.reveal().strip()}"
        headers.update(self._provider.headers)  # the operator has the last word
        return headers


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


async def _is_whole(exchange: Exchange) -> bool:
    """Whether the answer is one JSON object; false if it is a stream of events.

    Raises:
        ProviderFailure: it is neither, or it has another status than 200.
    """
    response = exchange.response
    if response.status != 200:
        raise ProviderFailure(await exchange.refusal())
    if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise ProviderFailure(failures.garbled("content_encoding"))
    match response.content_type:
        case "text/event-stream":
            return False
        case "application/json":
            return True
        case _:
            raise ProviderFailure(failures.garbled("content_type"))


def _split(splitter: SseSplitter, data: bytes) -> list[SseEvent]:
    try:
        return splitter.feed(data)
    except EventTooLarge as error:
        raise ProviderFailure(failures.garbled("event_too_large")) from error

"""What asking a provider has in common, whatever its dialect: headers out, the kind of body in."""

from collections.abc import Mapping

from multidict import CIMultiDict

from broker.refusal import refused
from broker.settings import Provider, Secret
from workers.providers import failures
from workers.providers.base import ProviderFailure
from workers.providers.exchange import Exchange, Judge
from workers.providers.splitter import EventTooLarge, SseEvent, SseSplitter


def bearer(provider: Provider, key: Secret | None) -> dict[str, str]:
    """The header that OpenAI and its kin take a key in, or the one that is set for it."""
    if key is None:
        return {}
    text, header = key.reveal().strip(), provider.key_header
    return {header: f"Bearer {text}" if header.lower() == "authorization" else text}


def headers(provider: Provider, streams: bool, own: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers of a call: common ones, the dialect's own; the operator has the last word."""
    headers = CIMultiDict(
        {
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if streams else "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "streamhold",
        }
    )
    headers.update(own)
    headers.update(provider.headers)
    return headers


async def is_whole(exchange: Exchange, judge: Judge = refused) -> bool:
    """Whether the answer is one JSON object; false if it is a stream of events.

    ``judge`` tells what another status means.

    Raises:
        ProviderFailure: it is neither, or it has another status than 200.
    """
    response = exchange.response
    if response.status != 200:
        raise ProviderFailure(await exchange.refusal(judge))
    if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise ProviderFailure(failures.garbled("content_encoding"))
    match response.content_type:
        case "text/event-stream":
            return False
        case "application/json":
            return True
        case _:
            raise ProviderFailure(failures.garbled("content_type"))


def split(splitter: SseSplitter, data: bytes) -> list[SseEvent]:
    """The events that these bytes complete.

    Raises:
        ProviderFailure: one of them is too large.
    """
    try:
        return splitter.feed(data)
    except EventTooLarge as error:
        raise ProviderFailure(failures.garbled("event_too_large")) from error

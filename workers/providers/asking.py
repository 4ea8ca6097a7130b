"""What asking a provider has in common, whatever its dialect: headers out, the kind of body in."""

from multidict import CIMultiDict

from broker.settings import Provider, Secret
from workers.providers import failures
from workers.providers.base import ProviderFailure
from workers.providers.exchange import Exchange
from workers.providers.splitter import EventTooLarge, SseEvent, SseSplitter


def headers(provider: Provider, key: Secret | None, streams: bool) -> CIMultiDict[str]:
    """The headers of a call; the operator has the last word on them."""
    headers = CIMultiDict(
        {
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if streams else "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "streamhold",
        }
    )
    if key is not None:
        headers["Authorization"] = f"Bearer {key.reveal().strip()}"
    headers.update(provider.headers)
    return headers


async def is_whole(exchange: Exchange) -> bool:
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


def split(splitter: SseSplitter, data: bytes) -> list[SseEvent]:
    """The events that these bytes complete.

    Raises:
        ProviderFailure: one of them is too large.
    """
    try:
        return splitter.feed(data)
    except EventTooLarge as error:
        raise ProviderFailure(failures.garbled("event_too_large")) from error

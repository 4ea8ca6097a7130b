"""What asking a provider has in common, whatever its dialect: headers out, events in."""

from collections.abc import Mapping

from multidict import CIMultiDict

from broker.settings import Provider, Secret
from workers.providers import failures
from workers.providers.base import ProviderFailure
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


def split(splitter: SseSplitter, data: bytes) -> list[SseEvent]:
    """The events that these bytes complete.

    Raises:
        ProviderFailure: one of them is too large.
    """
    try:
        return splitter.feed(data)
    except EventTooLarge as error:
        raise ProviderFailure(failures.garbled("event_too_large")) from error

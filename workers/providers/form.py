"""The form of an answer: a stream of events or one object, by what it begins with.

Its ``Content-Type`` says so where it is ``text/event-stream``. Any other is no more than a hint:
servers and relays label event streams as JSON, as plain text or not at all. So the body's first
bytes are looked at, which are read again after that. HTML is always somebody else's page.
"""

import re

from broker.refusal import refused
from workers.providers import failures
from workers.providers.base import ProviderFailure
from workers.providers.exchange import Exchange, Judge

_PAGES = ("text/html", "application/xhtml+xml")
_JSON = "application/json"
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:")  # a comment's, and those of an event
_OBJECT = re.compile(rb"[{\[]")
_LONGEST_BLANK = 64 * 1024  # bytes of white space in front of an answer


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
    kind = response.content_type
    if kind == "text/event-stream":
        return False
    if kind in _PAGES:
        raise ProviderFailure(failures.garbled("content_type"))
    whole = await _begins_as_object(exchange)
    if whole is None:
        if kind != _JSON:
            raise ProviderFailure(exchange.lost or failures.garbled("content_type"))
        return True  # which tells what is wrong with it
    return whole


async def _begins_as_object(exchange: Exchange) -> bool | None:
    """Whether the body begins as one object, not as events; None if it is neither."""
    begun, found = b"", None
    async for data in exchange:
        begun += data
        exchange.alive()
        found = form_of(begun)
        if found is not UNKNOWN or len(begun) > _LONGEST_BLANK:
            break
    exchange.put_back(begun)
    return None if found is UNKNOWN else found


class _Unknown:
    """Too little has come to tell."""


UNKNOWN = _Unknown()


def form_of(begun: bytes) -> bool | _Unknown | None:
    """Whether a body that begins so is one object (true) or events (false); None if neither."""
    if len(begun) < len(_BOM) and _BOM.startswith(begun):
        return UNKNOWN
    text = begun.removeprefix(_BOM).lstrip()
    if _OBJECT.match(text):
        return True
    if text.startswith(_FIELDS):
        return False
    return UNKNOWN if any(each.startswith(text) for each in _FIELDS) else None

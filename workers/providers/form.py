"""The form of an answer: a stream of events or one object, by what it begins with.

Its ``Content-Type`` says so where it is ``text/event-stream``. Any other is no more than a hint:
servers and relays label event streams as JSON, as plain text or not at all. So the body's first
bytes are looked at, which are read again after that. HTML is always somebody else's page.
"""

from typing import Literal

from broker.refusal import refused
from workers.providers import failures
from workers.providers.base import ProviderFailure
from workers.providers.exchange import Exchange, Judge

Form = Literal["object", "events", "neither", "unknown"]

_PAGES = ("text/html", "application/xhtml+xml")
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:")  # a comment's, and those of an event
_OBJECTS = (b"{", b"[")
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
    form = await _look(exchange)
    if form in ("object", "events"):
        return form == "object"
    if kind == "application/json":
        return True  # which tells what is wrong with it
    raise ProviderFailure(exchange.lost or failures.garbled("content_type"))


async def _look(exchange: Exchange) -> Form:
    """The body's form, by what has come until that is known; it comes again."""
    begun, form = b"", form_of(b"")
    async for data in exchange:
        exchange.alive()
        begun += data
        form = form_of(begun)
        if form != "unknown" or len(begun) > _LONGEST_BLANK:
            break
    exchange.put_back(_bare(begun) if form == "object" else begun)
    return form


def _bare(begun: bytes) -> bytes:
    return begun.removeprefix(_BOM).lstrip()


def form_of(begun: bytes) -> Form:
    """The form of a body that begins so; ``unknown`` if too little has come to tell."""
    if len(begun) < len(_BOM) and _BOM.startswith(begun):
        return "unknown"
    text = _bare(begun)
    if text.startswith(_OBJECTS):
        return "object"
    if text.startswith(_FIELDS):
        return "events"
    return "unknown" if any(each.startswith(text) for each in _FIELDS) else "neither"

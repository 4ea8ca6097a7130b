"""The form of an answer, looked at where its ``Content-Type`` is not that of events: the first
bytes of its body are read, and read again after that. See ``broker.answer_form``.
"""

from broker.answer_form import PAGES, Form, bare, form_of
from broker.refusal import refused
from workers.providers import failures
from workers.providers.base import ProviderFailure
from workers.providers.exchange import Exchange, Judge

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
    if kind in PAGES:
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
    exchange.unread = bare(begun) if form == "object" else begun
    return form

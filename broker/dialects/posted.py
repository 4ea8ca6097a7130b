"""The body that is posted to a provider: a request in its dialect, with its name for the model,
our way of streaming and what its settings ask for."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from broker.dialects.mending import mended
from broker.dialects.messages.betas import BETA
from broker.settings import Provider

Object = dict[str, Any]


class Way(NamedTuple):
    """How a request is put to a provider.

    ``partial``: whether its last message is a partial answer to go on from; a text names the flag
    that the provider wants set in it. ``previous`` is the provider's own id of the response before.
    """

    model: str
    streams: bool
    partial: bool | str = False
    previous: str | None = None


def chat(provider: Provider, request: Object, way: Way) -> Object:
    """For ``/chat/completions``: usage is always asked for, where the provider takes that."""
    asked = flagged(request, way.partial)
    body: Object = {**asked, "model": way.model, "stream": way.streams}
    options = _stream_options(provider, body.get("stream_options")) if way.streams else {}
    if options:
        body["stream_options"] = options
    else:
        body.pop("stream_options", None)
    return body


def messages(provider: Provider, request: Object, way: Way) -> Object:
    """For ``/messages``; the betas leave as a header."""
    asked = flagged(request, way.partial)
    body = {**asked, "model": way.model, "stream": way.streams}
    body.pop(BETA, None)
    return body


def responses(provider: Provider, request: Object, way: Way) -> Object:
    """For ``/responses``. Between the caller and us every call is run in the background; between
    us and the provider those are that can be resumed there."""
    body: Object = {**request, "model": way.model, "stream": way.streams}
    body.pop("background", None)
    if provider.resumes and way.streams and body.get("store") is not False:
        body["background"] = True
    if not way.streams:
        body.pop("stream_options", None)
    if way.previous is not None:
        body["previous_response_id"] = way.previous
    return body


def gemini(provider: Provider, request: Object, way: Way) -> Object:
    """For ``:generateContent``, whose address says the rest."""
    return request


def posted(provider: Provider, request: Object, way: Way) -> bytes:
    """The body for a provider, whose dialect the request is in."""
    request = mended(request, provider, way.model)
    return msgspec.json.encode(_BODIES[provider.dialect](provider, request, way))


_BODIES: dict[str, Callable[[Provider, Object, Way], Object]] = {
    "chat": chat,
    "messages": messages,
    "responses": responses,
    "gemini": gemini,
}


def flagged(request: Object, partial: bool | str) -> Object:
    """The request, its last message with the flag that names it a partial answer, if any."""
    if not isinstance(partial, str):
        return request
    messages = request["messages"]
    if messages[-1]["role"] != "assistant":  # nothing is left of one that was but white space
        return request
    return {**request, "messages": [*messages[:-1], {**messages[-1], partial: True}]}


def _stream_options(provider: Provider, own: Any) -> Object:
    """The caller's, with our wish for usage: whether he sees it is between him and us."""
    options = dict(own) if isinstance(own, dict) else {}
    if provider.quirks.usage_option:
        options["include_usage"] = True
    else:
        options.pop("include_usage", None)
    return options

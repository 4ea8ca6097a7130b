"""Translation: a request and its answer between two dialects, by way of neutral words.

``chat``, ``messages`` and ``responses`` are spoken by callers and providers, ``gemini`` by
providers alone.
"""

from collections.abc import Callable
from typing import Any, Protocol

from broker.dialects.neutral import reading, usage, writing
from broker.dialects.neutral.event import Event, Failed, Stop, TextDelta
from broker.dialects.neutral.partial import prepared
from broker.dialects.neutral.quirks import fitted
from broker.dialects.neutral.refusing import all_at_once
from broker.dialects.neutral.request import Request
from broker.dialects.neutral.sequence import Garbled
from broker.dialects.neutral.usage import Usage
from broker.dialects.white_space import WhiteSpace
from broker.settings import Quirks


class Reader(Protocol):
    """Reads one answer of a provider."""

    def feed(self, event: dict[str, Any], /) -> list[Event]:
        """The neutral events of one of its events."""
        ...

    def whole(self, answer: dict[str, Any]) -> list[Event]:
        """The neutral events of an answer that came whole."""
        ...

    def end(self) -> list[Event]:
        """The answer is complete: what remains to be said."""
        ...


class Writer(Protocol):
    """Writes one answer for a caller."""

    def feed(self, event: Event) -> list[dict[str, Any]]:
        """The events of the dialect that say it."""
        ...

    def end(self) -> list[dict[str, Any]]:
        """The answer is complete: what remains to be said."""
        ...


_READ: dict[str, Callable[[dict[str, Any]], Request]] = {
    "chat": reading.chat_request.read,
    "messages": reading.messages_request.read,
    "responses": reading.responses_request.read,
}
_WRITE: dict[str, Callable[[Request, str], dict[str, Any]]] = {
    "chat": writing.chat_request.write,
    "messages": writing.messages_request.write,
    "responses": writing.responses_request.write,
    "gemini": lambda request, _model: writing.gemini_request.write(request),
}
_READERS: dict[str, Callable[[str], Reader]] = {
    "chat": reading.chat_events.ChatReader,
    "messages": reading.messages_events.MessagesReader,
    "responses": reading.responses_events.ResponsesReader,
    "gemini": reading.gemini_events.GeminiReader,
}
_COUNTS: dict[str, Callable[[dict[str, Any]], Usage]] = {
    "chat": usage.from_chat,
    "messages": usage.from_messages,
    "responses": usage.from_responses,
    "gemini": usage.from_gemini,
}
_COUNTED: dict[str, Callable[[Usage], dict[str, Any]]] = {
    "chat": usage.to_chat,
    "messages": usage.to_messages,
    "responses": usage.to_responses,
}
_ECHOED = (
    *("instructions", "max_output_tokens", "metadata", "parallel_tool_calls", "reasoning"),
    *("temperature", "text", "tool_choice", "tools", "top_p", "truncation", "user"),
)


def translate_request(
    request: dict[str, Any], caller: str, provider: str, model: str, quirks: Quirks | None = None
) -> dict[str, Any]:
    """A caller's request for a provider of another dialect, without how it is to be streamed.

    ``quirks`` are the provider's, if it speaks chat.

    Raises:
        Unexpressible: something in it can't be said to that provider; ``param`` names it.
        BadRequest: it is no request of the caller's dialect.
    """
    with all_at_once(caller):
        return _written(_READ[caller](request), provider, model, quirks)


def translate_partial(
    request: dict[str, Any], caller: str, provider: str, model: str, quirks: Quirks | None = None
) -> tuple[dict[str, Any], str]:
    """The same for a request that ends in a partial answer, which is to be gone on with.

    Gives the white space too that the partial answer had to lose at its end.

    Raises:
        Unexpressible, BadRequest: as ``translate_request``.
    """
    with all_at_once(caller):
        neutral, space = prepared(_READ[caller](request), provider)
        return _written(neutral, provider, model, quirks), space


def put_to(
    request: dict[str, Any],
    caller: str,
    provider: str,
    model: str,
    quirks: Quirks | None,
    *,
    partial: bool,
    resumes: bool,
) -> tuple[dict[str, Any], str]:
    """A caller's request for a provider of another dialect, and the white space it had to lose.

    ``partial``: whether it ends in a partial answer, to go on from; ``resumes`` as in
    ``settings.Provider``.

    Raises:
        Unexpressible, BadRequest: as ``translate_request``.
    """
    asked = (request, caller, provider, model, quirks)
    written, space = translate_partial(*asked) if partial else (translate_request(*asked), "")
    if resumes and request.get("store") is not False:
        written.pop("store", None)  # to resume it the provider has to keep it
    return written, space


def _written(request: Request, provider: str, model: str, quirks: Quirks | None) -> dict[str, Any]:
    written = _WRITE[provider](request, model)
    return written if quirks is None or provider != "chat" else fitted(written, quirks)


def translate_usage(counts: dict[str, Any], provider: str, caller: str) -> dict[str, Any]:
    """What a provider counted, in its caller's words."""
    return _COUNTED[caller](_COUNTS[provider](counts))


def reader(dialect: str, fallback: str = "") -> Reader:
    """The reader of a provider's answer; ``fallback`` is its id where it has none."""
    return _READERS[dialect](fallback)


def writer(dialect: str, request: dict[str, Any], created: int) -> Writer:
    """The writer of an answer to this request, at this time (Unix seconds).

    Raises:
        KeyError: callers don't speak this dialect.
    """
    echo = {key: request[key] for key in _ECHOED if request.get(key) is not None}
    writers: dict[str, Callable[[], Writer]] = {
        "chat": lambda: writing.chat_events.ChatWriter(created),
        "messages": writing.messages_events.MessagesWriter,
        "responses": lambda: writing.responses_events.ResponsesWriter(created, echo),
    }
    return writers[dialect]()


class Translation:
    """One answer on its way: a provider's events in, the caller's events out.

    ``failed`` is set by an event that ends the answer with an error; nothing follows it.
    ``space`` is what the partial answer, if it goes on from one, lost at its end.
    """

    def __init__(self, source: Reader, target: Writer, space: str = "") -> None:
        self.failed: Failed | None = None
        self._space = WhiteSpace(space)
        self._stopped = False
        self._reader = source
        self._writer = target

    def feed(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """The caller's events for one of the provider's."""
        return self._pass(self._reader.feed(event))

    def whole(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        """The caller's events for an answer that came whole, up to its end."""
        found = self._pass(self._reader.whole(answer))
        return found if self.failed else found + self._writer.end()

    def end(self) -> list[dict[str, Any]]:
        """The provider's answer is complete: the rest of the caller's."""
        if self.failed:
            return []
        found = self._pass(self._reader.end())
        return found if self.failed else found + self._writer.end()

    def _pass(self, events: list[Event]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for event in events:
            if isinstance(event, Failed):
                self.failed = event
                break
            if isinstance(event, TextDelta):
                event = TextDelta(self._space.unsaid(event.text))
                if not event.text:
                    continue
            try:
                if self._stopped and not isinstance(event, Usage | Stop):
                    raise Garbled
                self._stopped = self._stopped or isinstance(event, Stop)
                found += self._writer.feed(event)
            except Garbled as error:
                self.failed = Failed("provider", str(error.__doc__))
                break
        return found

"""Translation: a request and its answer between two dialects, by way of neutral words.

``chat``, ``messages`` and ``responses`` are spoken by callers and providers, ``gemini`` by
providers alone.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from broker.dialects.neutral import reading, usage, writing
from broker.dialects.neutral.cut import NOTHING, Cut, Scissors, cut_of
from broker.dialects.neutral.dropping import without_lost
from broker.dialects.neutral.event import CallStart, Event, Failed, Stop, TextDelta
from broker.dialects.neutral.fitting import check_end, renamed
from broker.dialects.neutral.given import Given, given_in
from broker.dialects.neutral.losing import Losses, collecting
from broker.dialects.neutral.partial import prepared
from broker.dialects.neutral.quirks import fitted
from broker.dialects.neutral.request import Named, Request
from broker.dialects.neutral.sequence import Garbled
from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.usage import Usage
from broker.dialects.usage import tokens
from broker.dialects.vendors import takes_of
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
    "gemini": writing.gemini_request.write,
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


_NO_NAMES: Mapping[str, str] = {}
LONGEST = 8 * 1024 * 1024  # characters of an answer, several times what any model says at once
_TOO_LONG = Failed(
    "invalid_request", f"The answer is longer than {LONGEST:,} characters.", "answer_too_large"
)


class Put(msgspec.Struct, frozen=True):
    """A caller's request as it is put to a provider of another dialect.

    ``space`` is the white space that a partial answer lost at its end, ``cut`` what is to be cut of
    the answer, ``lost`` the paths of what was left out as the operator allows, ``given`` what its
    functions stand for to the caller that are not simply themselves, ``names`` what their names are
    to the caller that the provider was told otherwise.
    """

    request: dict[str, Any]
    space: str = ""
    cut: Cut = Cut()
    lost: tuple[str, ...] = ()
    given: dict[str, Given] = {}
    names: dict[str, str] = {}


def translate_request(
    request: dict[str, Any],
    caller: str,
    provider: str,
    model: str,
    quirks: Quirks | None = None,
    terms: Terms | None = None,
) -> dict[str, Any]:
    """A caller's request for a provider of another dialect, without how it is to be streamed.

    ``quirks`` are the provider's, if it speaks chat; ``terms`` the operator's, with them.

    Raises:
        Unexpressible: something in it can't be said to that provider; ``losses`` has all of it.
        BadRequest: it is no request of the caller's dialect.
    """
    return put(request, caller, provider, model, _terms(quirks, terms)).request


def put(
    request: dict[str, Any],
    caller: str,
    provider: str,
    model: str,
    terms: Terms,
    *,
    partial: bool = False,
    resumes: bool = False,
) -> Put:
    """A caller's request for a provider of another dialect, and what that comes to.

    ``partial``: whether it ends in a partial answer, to go on from; ``resumes`` as in
    ``settings.Provider``.

    Raises:
        Unexpressible, BadRequest: as ``translate_request``.
    """
    space = ""
    with collecting(terms, caller) as losses:
        neutral = _without_lost_tools(_READ[caller](request), losses)
        takes = takes_of(provider, model, terms.takes)
        cut = cut_of(neutral, provider, terms.quirks, takes, partial=partial)
        names = {short: name for name, short in renamed(neutral, takes).items()}
        if partial:
            neutral, space = prepared(neutral, provider)
        else:
            check_end(neutral, takes)
        written = _WRITE[provider](neutral, model)
        if provider == "chat":
            written = fitted(written, terms.quirks)
    if cut.stop:
        cut = msgspec.structs.replace(cut, prompt=tokens(len(msgspec.json.encode(written))))
    if resumes and request.get("store") is not False:
        written.pop("store", None)  # to resume it the provider has to keep it
    given = given_in(request) if caller == "responses" else {}
    return Put(written, space, cut, losses.allowed, given, names)


def _terms(quirks: Quirks | None, terms: Terms | None) -> Terms:
    terms = terms or Terms()
    return terms if quirks is None else msgspec.structs.replace(terms, quirks=quirks)


def _without_lost_tools(request: Request, losses: Losses) -> Request:
    """The request without a choice of a tool that was left out."""
    choice = request.tool_choice
    names = [tool.name for tool in request.tools]
    if not losses.allowed or not isinstance(choice, Named) or choice.name in names:
        return request
    return msgspec.structs.replace(request, tool_choice=None)


def translate_usage(counts: dict[str, Any], provider: str, caller: str) -> dict[str, Any]:
    """What a provider counted, in its caller's words."""
    return _COUNTED[caller](_COUNTS[provider](counts))


def counted(usage: Usage, caller: str) -> dict[str, Any]:
    """A neutral count in a caller's words."""
    return _COUNTED[caller](usage)


def reader(dialect: str, fallback: str = "") -> Reader:
    """The reader of a provider's answer; ``fallback`` is its id where it has none."""
    return _READERS[dialect](fallback)


def writer(
    dialect: str,
    request: dict[str, Any],
    created: int,
    put: Put | None = None,
    name: str = "",
) -> Writer:
    """The writer of an answer to this request, at this time (Unix seconds).

    ``put`` is how the request was put to the provider; ``name`` as in ``ResponsesWriter``.

    Raises:
        KeyError: callers don't speak this dialect.
    """
    lost, given = (put.lost, put.given) if put is not None else ((), {})
    writers: dict[str, Callable[[], Writer]] = {
        "chat": lambda: writing.chat_events.ChatWriter(created),
        "messages": writing.messages_events.MessagesWriter,
        "responses": lambda: writing.responses_events.ResponsesWriter(
            created, without_lost(request, lost), given, name
        ),
    }
    return writers[dialect]()


class Translation:
    """One answer on its way: a provider's events in, the caller's events out.

    ``failed`` is set by an event that ends the answer with an error; nothing follows it.
    ``space`` is what the partial answer, if it goes on from one, lost at its end; ``cut`` what is
    to be cut of it; ``names`` as in ``Put``. ``ended``: it was cut, told to its end, and at the
    cost of ``usage``.
    """

    def __init__(
        self,
        source: Reader,
        target: Writer,
        space: str = "",
        cut: Cut = NOTHING,
        names: Mapping[str, str] = _NO_NAMES,
    ) -> None:
        self.failed: Failed | None = None
        self._size = 0  # characters told so far
        self._scissors = Scissors(cut) if cut.stop or cut.one_call else None
        self._space = WhiteSpace(space)
        self._names = names
        self._stopped = False
        self._reader = source
        self._writer = target

    @property
    def ended(self) -> bool:
        return self._scissors is not None and self._scissors.ended

    @property
    def usage(self) -> Usage | None:
        return self._scissors.usage if self._scissors is not None else None

    def feed(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """The caller's events for one of the provider's."""
        return [] if self.ended else self._pass(self._reader.feed(event))

    def whole(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        """The caller's events for an answer that came whole, up to its end."""
        found = self._pass(self._reader.whole(answer))
        return found if self.failed or self.ended else found + self._writer.end()

    def end(self) -> list[dict[str, Any]]:
        """The provider's answer is complete: the rest of the caller's."""
        if self.failed or self.ended:
            return []
        found = self._pass(self._reader.end())
        return found if self.failed or self.ended else found + self._writer.end()

    def _pass(self, events: list[Event]) -> list[dict[str, Any]]:
        found = self._told(events)
        return found + self._writer.end() if self.ended and not self.failed else found

    def _told(self, events: list[Event]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if self._space.due:
            events = self._unsaid(events)
        for event in events if self._scissors is None else self._scissors.take(events):
            if isinstance(event, Failed):
                self.failed = event
                break
            try:
                if self._stopped and not isinstance(event, Usage | Stop):
                    raise Garbled
                if self._names and isinstance(event, CallStart):
                    name = self._names.get(event.name, event.name)
                    event = msgspec.structs.replace(event, name=name)
                self._stopped = self._stopped or isinstance(event, Stop)
                self._size += len(getattr(event, "text", ""))
                if self._size > LONGEST:
                    self.failed = _TOO_LONG
                    break
                found += self._writer.feed(event)
            except Garbled as error:
                self.failed = Failed("provider", str(error.__doc__))
                break
        return found

    def _unsaid(self, events: list[Event]) -> list[Event]:
        """The events without the white space that was delivered before."""
        found: list[Event] = []
        for event in events:
            if isinstance(event, TextDelta):
                event = TextDelta(self._space.unsaid(event.text))
                if not event.text:
                    continue
            found.append(event)
        return found

"""The judges: every way in which the Python SDKs read an answer, by surface."""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from tests.contract.judges import by_chat, by_gemini, by_messages, by_responses
from tests.contract.judges.answer import Heard, Spoken, Surface
from tests.contract.judges.stage import Sdks

Judge = Callable[[str, str], Awaitable[Heard]]  # model, prompt


class Seat(msgspec.Struct, frozen=True):
    """A judge by name. ``whole``: it asks for an answer that is not streamed."""

    name: str
    surface: Spoken
    take: Callable[[Sdks], Judge]
    whole: bool = False
    again: bool = False  # it reads an answer that is kept: no provider has that
    alike: Callable[[Sdks], Judge] | None = None  # who hears the same of a provider
    lenient: Callable[[Sdks], Judge] | None = None  # to streams as their provider wrote them

    def passed_on(self, sdks: Sdks) -> Judge:
        """The judge of what was not translated."""
        return (self.lenient or self.take)(sdks)

    def provider(self, sdks: Sdks) -> Judge | None:
        """The judge that hears of a provider what this one hears of the broker, if any."""
        take = self.alike if self.again else self.passed_on
        return None if take is None else take(sdks)


PANEL = [
    Seat(
        "openai chat, chunks",
        "chat",
        lambda sdks: partial(by_chat.events, sdks.openai),
        lenient=lambda sdks: partial(by_chat.events, sdks.openai, strict=False),
    ),
    Seat("openai chat, helper", "chat", lambda sdks: partial(by_chat.helper, sdks.openai)),
    Seat("openai chat, whole", "chat", lambda sdks: partial(by_chat.whole, sdks.openai), True),
    Seat(
        "anthropic, events",
        "messages",
        lambda sdks: partial(by_messages.events, sdks.anthropic),
    ),
    Seat(
        "anthropic, helper",
        "messages",
        lambda sdks: partial(by_messages.helper, sdks.anthropic),
    ),
    Seat(
        "anthropic, whole",
        "messages",
        lambda sdks: partial(by_messages.whole, sdks.anthropic),
        True,
    ),
    Seat(
        "openai responses, events",
        "responses",
        lambda sdks: partial(by_responses.events, sdks.openai),
    ),
    Seat(
        "openai responses, helper",
        "responses",
        lambda sdks: partial(by_responses.helper, sdks.openai),
    ),
    Seat(
        "openai responses, whole",
        "responses",
        lambda sdks: partial(by_responses.whole, sdks.openai),
        True,
    ),
    Seat(
        "openai responses, read again",
        "responses",
        lambda sdks: partial(by_responses.again, sdks.openai),
        again=True,
    ),
    Seat(
        "openai responses, events again",
        "responses",
        lambda sdks: partial(by_responses.events_again, sdks.openai),
        again=True,
        alike=lambda sdks: partial(by_responses.events, sdks.openai),
    ),
]
GOOGLE = [
    Seat("google-genai, events", "gemini", lambda sdks: partial(by_gemini.events, sdks.google)),
    Seat("google-genai, whole", "gemini", lambda sdks: partial(by_gemini.whole, sdks.google), True),
]


def on(surface: Surface) -> list[Seat]:
    """The judges of one surface."""
    return [seat for seat in PANEL if seat.surface == surface]

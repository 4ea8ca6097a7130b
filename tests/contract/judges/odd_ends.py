"""Answers that break off after some text, in every dialect's way of saying so."""

from collections.abc import Iterator
from typing import Any

from tests.contract.judges import saying_chat as chat
from tests.contract.judges import saying_gemini as gemini
from tests.contract.judges import saying_messages as messages
from tests.contract.judges import saying_responses as responses
from tests.contract.judges.answer import Answer
from tests.contract.judges.stage import Case

WORDS = "The station is down."  # the provider's
BEGUN = Answer("begun", "It is ")
_OPENAI = {"message": WORDS, "type": "server_error", "param": None, "code": "server_error"}


def _case(spoken: Any, name: str, body: bytes) -> Case:
    return Case(name, spoken, BEGUN, body, None)


def _chat() -> Iterator[Case]:
    begun = [chat.ROLE, chat.says({"content": BEGUN.text})]
    error = {"error": _OPENAI}
    # An error ends the body: whoever wrote [DONE] behind one would have made an answer of it.
    yield _case("chat", "an error", chat.body([*begun, error]))
    yield _case(
        "chat",
        "an error by its name",
        chat.body(begun).removesuffix(chat.DONE)
        + b"event: error\n"
        + chat.body([error]).removesuffix(chat.DONE),
    )
    inside = chat.chunk(chat.choice({"content": ""}, "error", error={**_OPENAI, "code": 502}))
    yield _case("chat", "an error within a choice", chat.body([*begun, inside]))
    yield _case("chat", "cut", chat.body(begun).removesuffix(chat.DONE))
    half = chat.body([chat.says({"content": "3 m."})])[:40]
    yield _case("chat", "cut within a chunk", chat.body(begun).removesuffix(chat.DONE) + half)


def _messages() -> Iterator[Case]:
    begun = [messages.start(BEGUN), *messages.text_block(0, BEGUN.text)[:-1]]
    error = {"type": "error", "error": {"type": "overloaded_error", "message": WORDS}}
    yield _case("messages", "an error", messages.body([*begun, error]))
    yield _case("messages", "cut", messages.body(begun))
    # A block that has ended is no end of the answer.
    block = [messages.start(BEGUN), *messages.text_block(0, BEGUN.text)]
    yield _case("messages", "cut behind a block", messages.body(block))


def _responses() -> Iterator[Case]:
    item = responses.said(responses.output_text(BEGUN.text))
    begun = [*responses.BEGUN, *responses.item_events(0, item)[:-3]]
    error = {"code": "server_error", "message": WORDS}
    failed = responses.response("failed", [], error=error)
    yield _case(
        "responses",
        "an error",
        responses.body([*begun, {"type": "error", **error, "param": None}]),
    )
    yield _case(
        "responses",
        "an error in its own object",
        responses.body([*begun, {"type": "error", "error": _OPENAI}]),
    )
    yield _case(
        "responses",
        "a response that failed",
        responses.body([*begun, {"type": "response.failed", "response": failed}]),
    )
    yield _case("responses", "cut", responses.body(begun))
    done = [*responses.BEGUN, *responses.item_events(0, item)]
    yield _case("responses", "cut behind an item", responses.body(done))


def _gemini() -> Iterator[Case]:
    begun = [gemini.given({"text": BEGUN.text})]
    error = {"error": {"code": 503, "status": "UNAVAILABLE", "message": WORDS}}
    yield _case("gemini", "an error", gemini.body([*begun, error]))
    yield _case("gemini", "cut", gemini.body(begun))


BROKEN = [*_chat(), *_messages(), *_responses(), *_gemini()]

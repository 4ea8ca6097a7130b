"""Answers that are cut here: at stop sequences that the provider was not given, and to one call."""

from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.dialects.neutral.cut import Cut, Scissors
from broker.dialects.neutral.event import (
    ArgumentsDelta,
    CallStart,
    Event,
    Start,
    Stop,
    TextDelta,
    ThoughtDelta,
)
from broker.dialects.neutral.stops import Stops
from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import Put, Translation, put, reader, writer
from broker.dialects.neutral.usage import Usage
from broker.dialects.registry import DIALECTS
from broker.dialects.wire import encode
from broker.frames import Kind, data_frame, data_of
from broker.model import Failure
from broker.settings import Quirks
from tests.unit.test_translated import Scripted, named
from workers.providers.base import Call, Held, ProviderFailure, Reply
from workers.providers.translated import TranslatedProvider

HI = [{"role": "user", "content": "Hi"}]


def expected(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """By definition: before the sequence that is complete first, of several the longest."""
    ends = [(at + len(stop), -len(stop), stop) for stop in stops if (at := text.find(stop)) >= 0]
    if not ends:
        return text, None
    end, size, stop = min(ends)
    return text[: end + size], stop


letters = st.text("ab", min_size=1, max_size=4)


@given(st.lists(st.text("abc", max_size=3), max_size=12), st.lists(letters, min_size=1, max_size=3))
def test_it_never_matters_how_a_text_is_cut_into_pieces(
    pieces: list[str], stops: list[str]
) -> None:
    found = Stops(tuple(stops))
    said, met = "", None
    for piece in pieces:
        text, met = found.feed(piece)
        said += text
        assert not any(stop in said for stop in stops)
        if met is not None:
            break
    else:
        said += found.release()
    assert (said, met) == expected("".join(pieces), tuple(stops))


@given(st.text("abc", max_size=6), st.text("abc", max_size=6), letters)
def test_a_sequence_may_begin_in_what_was_delivered(before: str, after: str, stop: str) -> None:
    if stop in before:
        return
    found = Stops((stop,), before[-len(stop) :])
    said, met = found.feed(after)
    said += "" if met else found.release()
    whole, there = expected(before + after, (stop,))
    assert met == there
    assert said == whole[len(before) :]


def test_a_long_sequence_takes_no_more_than_its_time() -> None:
    found = Stops(("a" * 4000 + "b",))
    held = [found.feed("a" * 100)[0] for _ in range(200)]
    assert sum(map(len, held)) == 200 * 100 - 4000
    assert found.feed("b") == ("", "a" * 4000 + "b")


def take(cut: Cut, *events: Event) -> list[Event]:
    scissors = Scissors(cut)
    return [found for event in events for found in scissors.take([event])]


def test_a_sequence_does_not_go_on_over_another_part() -> None:
    found = take(Cut(("END",)), TextDelta("aEN"), ThoughtDelta("hm"), TextDelta("D"), Stop("end"))
    assert found == [
        *(TextDelta("a"), TextDelta("EN"), ThoughtDelta("hm"), TextDelta("D"), Stop("end"))
    ]


def test_usage_is_estimated_unless_it_is_there() -> None:
    cut = Cut(("END",), prompt=12)
    start, text = Start("r", "m"), TextDelta("twelve chars" + "END and more")
    cut_off = take(cut, start, text, TextDelta("never"), Stop("end"))
    assert cut_off == [
        *(start, TextDelta("twelve chars"), Stop("stop_sequence", "END")),
        Usage(input=12, output=6, estimated=True),
    ]
    told = take(cut, Usage(input=40, cached=3), text)[-1]
    assert told == Usage(input=40, cached=3, output=6, estimated=True)
    whole = Scissors(cut).take([start, text, Stop("end"), Usage(input=40, output=50)])
    assert whole[-1] == Usage(input=40, output=50), "an answer that came whole has its own"


def test_all_but_the_first_call_are_left_out() -> None:
    first: list[Event] = [CallStart(0, "a", "f"), ArgumentsDelta(0, "{}")]
    second: list[Event] = [CallStart(1, "b", "g"), ArgumentsDelta(1, "{}")]
    rest: list[Event] = [Stop("tool_calls"), Usage(output=9)]
    assert take(Cut(one_call=True), *first, *second, *rest) == [*first, *rest]
    assert take(Cut(), *first, *second, *rest) == [*first, *second, *rest]


# ── From a provider's frames to a caller's ─────────────────────────────────────────────


def of_responses(*texts: str) -> list[dict[str, Any]]:
    item = {"id": "m1", "type": "message", "role": "assistant", "content": []}
    base = {"item_id": "m1", "output_index": 0, "content_index": 0}
    return [
        {"type": "response.created", "response": {"id": "resp_1", "model": "m", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        *({"type": "response.output_text.delta", **base, "delta": text} for text in texts),
        {
            "type": "response.completed",
            "response": {
                "id": "resp_1",
                "status": "completed",
                "output": [],
                "usage": {"input_tokens": 5, "output_tokens": 50},
            },
        },
    ]


class Closing(Scripted):
    """Notes whether it was closed before its last list, and who was stopped."""

    def __init__(self, *lists: Any, resumes: bool = False) -> None:
        super().__init__(*lists)
        self.resumes = resumes
        self.read = 0
        self.stopped: list[Held | None] = []

    async def stream(self, call: Call, reply: Reply, sink: Any = None) -> Any:
        async with aclosing(super().stream(call, reply, sink)) as stream:
            async for frames in stream:
                self.read += 1
                yield frames

    async def stop(self, call: Call) -> None:
        self.stopped.append(call.held)


async def ask(
    provider: Scripted,
    spoken: str,
    caller: str,
    request: dict[str, Any],
    terms: Terms | None = None,
) -> tuple[dict[str, Any], Reply]:
    base = {"model": "m", "messages": HI, "max_tokens": 9, **request}
    reply, frames = Reply(), []
    translated = TranslatedProvider(provider, spoken, caller, terms)
    async with aclosing(translated.stream(Call("r1", "m", base), reply)) as stream:
        async for received in stream:
            frames += received
    return DIALECTS[caller].fold(frames), reply


@pytest.mark.parametrize("resumes", [False, True])
@pytest.mark.parametrize("pieces", [["one two END three"], ["one two E", "N", "D", " three"]])
@pytest.mark.parametrize("caller", ["chat", "messages"])
async def test_an_answer_of_responses_is_cut_here(
    caller: str, pieces: list[str], resumes: bool
) -> None:
    events = of_responses(*pieces, "four", "five")
    provider = Closing(*([named(event)] for event in events), resumes=resumes)
    wish = {"stop": ["END"]} if caller == "chat" else {"stop_sequences": ["END"]}
    answer, reply = await ask(provider, "responses", caller, wish)
    if caller == "chat":
        choice = answer["choices"][0]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("one two ", "stop")
        assert answer["usage"]["estimated"] is True
        assert answer["usage"]["prompt_tokens"] > 0
        assert answer["usage"]["completion_tokens"] >= 2
    else:
        assert answer["content"] == [{"type": "text", "text": "one two "}]
        assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "END")
        assert answer["usage"]["input_tokens"] > 0
    assert reply.usage is not None
    assert reply.usage["estimated"] is True
    assert "stop" not in provider.calls[0].request
    assert provider.read < len(events), "its call is ended"
    assert provider.stopped == ([Held("theirs")] if resumes else [])


async def test_what_is_no_stop_sequence_after_all_is_told() -> None:
    events = of_responses("one E", "N", "DE")
    provider = Closing(*([named(event)] for event in events))
    answer, _ = await ask(provider, "responses", "chat", {"stop": ["ENDED"]})
    choice = answer["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one ENDE", "stop")
    assert answer["usage"]["completion_tokens"] == 50
    assert "estimated" not in answer["usage"]
    assert provider.read == len(events)


async def test_a_chat_provider_without_stop_is_cut_too() -> None:
    chunk = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "a END b"}}]}
    provider = Closing([data_frame(Kind.DIALECT, encode(chunk))])
    terms = Terms(quirks=Quirks(without=("stop",)))
    answer, _ = await ask(provider, "chat", "messages", {"stop_sequences": ["END"]}, terms)
    assert (answer["content"][0]["text"], answer["stop_sequence"]) == ("a ", "END")
    assert "stop" not in provider.calls[0].request


def gemini_calls(*names: str) -> dict[str, Any]:
    calls = [{"functionCall": {"name": name, "args": {}}} for name in names]
    candidate = {"content": {"role": "model", "parts": calls}, "finishReason": "STOP"}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 3}}


async def test_gemini_makes_one_call_at_a_time() -> None:
    tool = {"name": "f", "input_schema": {"type": "object"}}
    choice = {"type": "any", "disable_parallel_tool_use": True}
    provider = Scripted([data_frame(Kind.DIALECT, encode(gemini_calls("f", "g")))])
    request = {"tools": [tool], "tool_choice": choice}
    answer, _ = await ask(provider, "gemini", "messages", request)
    assert [block["name"] for block in answer["content"]] == ["f"]
    assert answer["stop_reason"] == "tool_use"
    both = Scripted([data_frame(Kind.DIALECT, encode(gemini_calls("f", "g")))])
    answer, _ = await ask(both, "gemini", "messages", {"tools": [tool]})
    assert [block["name"] for block in answer["content"]] == ["f", "g"]


def put_there(stop: Any, provider: str, quirks: Quirks | None = None, **more: Any) -> Put:
    terms = Terms(quirks=quirks or Quirks())
    return put({"messages": HI, "stop": stop, **more}, "chat", provider, "m", terms)


def test_what_a_provider_takes_it_is_given() -> None:
    many = ["a", "b", "c", "d", "e", "f", "  "]
    assert put_there(many, "responses").cut.stop == tuple(many)
    messages = put_there(many, "messages")
    assert (messages.request["stop_sequences"], messages.cut.stop) == (many[:6], ("  ",))
    gemini = put_there(many, "gemini")
    given_it = gemini.request["generationConfig"]["stopSequences"]
    assert (given_it, gemini.cut.stop) == (many[:5], ("f", "  "))
    body = {"messages": HI, "max_tokens": 9, "stop_sequences": many}
    chat = put(body, "messages", "chat", "m", Terms())
    assert (chat.request["stop"], chat.cut.stop) == (many[:4], ("e", "f", "  "))
    assert put_there("a", "messages").cut == Cut()


def test_a_partial_answer_may_end_within_a_sequence() -> None:
    partial = [*HI, {"role": "assistant", "content": "one EN"}]
    body = {"messages": partial, "stop": "END"}
    made = put(body, "chat", "responses", "m", Terms(), partial=True)
    assert made.cut.tail == " EN"[-3:]
    told = Translation(reader("responses", "r"), writer("chat", body, 1), made.space, made.cut)
    events = [out for event in of_responses("D two", "three") for out in told.feed(event)]
    said = "".join(
        choice["delta"].get("content") or "" for event in events for choice in event["choices"]
    )
    assert (said, told.ended) == ("", True)


async def test_too_many_sequences_are_refused() -> None:
    with pytest.raises(ProviderFailure) as caught:
        await ask(Scripted(), "responses", "chat", {"stop": [f"s{n}" for n in range(40)]})
    failure: Failure = caught.value.failure
    assert (failure.code, failure.param) == ("unexpressible", "stop")


def test_frames_are_a_dialects_own() -> None:
    told = Translation(
        reader("responses", "r"), writer("messages", {}, 1), "", Cut(("END",), prompt=4)
    )
    events = [out for event in of_responses("a END") for out in told.feed(event)]
    assert [event["type"] for event in events][-3:] == [
        *("content_block_stop", "message_delta", "message_stop")
    ]
    assert told.end() == []
    assert b"END" not in data_of(data_frame(Kind.DIALECT, encode(events[2])).body)

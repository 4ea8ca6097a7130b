"""A provider of another dialect: what it is asked, and the frames a job gets of it."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import pytest

from broker.dialects.chat.fold import fold
from broker.dialects.neutral.translation import LONGEST
from broker.dialects.wire import encode
from broker.frames import Frame, Kind, data_frame, data_of
from broker.model import Failure
from broker.routing import Target
from tests.unit.neutral_streams import CHAT, MESSAGES
from workers.breakers import BreakerView, Passage
from workers.providers import failures
from workers.providers.base import Call, Held, ProviderFailure, Reply, Sink
from workers.providers.translated import TranslatedProvider, speaking

HI = [{"role": "user", "content": "Hi"}]


def named(event: dict[str, Any]) -> Frame:
    return data_frame(Kind.DIALECT, encode(event), event["type"].encode())


def stream_of(streams: list[Any], name: str) -> list[dict[str, Any]]:
    return next(events for each, events, _ in streams if each == name)


class Scripted:
    """A provider that gives these lists of frames, and then fails or not."""

    def __init__(
        self,
        *lists: list[Frame],
        usage: Any = None,
        said: Any = None,
        failure: Failure | None = None,
    ) -> None:
        self.resumes = False
        self.calls: list[Call] = []
        self._lists = lists
        self._counts = usage, said
        self._failure = failure

    async def stream(
        self, call: Call, reply: Reply, sink: Sink | None = None
    ) -> AsyncGenerator[list[Frame], None]:
        self.calls.append(call)
        reply.provider_id, reply.first_token = "theirs", 0.5
        for frames in self._lists:
            yield frames
        reply.usage, reply.said = self._counts
        if self._failure is not None:
            raise ProviderFailure(self._failure)

    def knows(self, held: Held) -> bool:
        return self.resumes

    async def stop(self, call: Call) -> None:
        self.calls.append(call)


async def ask(
    provider: Scripted, spoken: str, caller: str, **request: Any
) -> tuple[list[list[Frame]], Reply, Failure | None]:
    base = {"messages": HI, "max_tokens": 9} if caller != "responses" else {"input": "Hi"}
    call = Call("r1", "their-model", {**base, **request})
    reply, lists = Reply(), []
    translated = TranslatedProvider(provider, spoken, caller)
    try:
        async with aclosing(translated.stream(call, reply)) as stream:
            async for frames in stream:
                assert frames
                lists.append(frames)
    except ProviderFailure as error:
        return lists, reply, error.failure
    return lists, reply, None


async def test_a_chat_job_of_a_messages_provider() -> None:
    events = stream_of(MESSAGES, "parallel calls")
    counts = {"input_tokens": 3, "cache_read_input_tokens": 1, "output_tokens": 2}
    provider = Scripted(*([named(event)] for event in events), usage=counts)
    lists, reply, failure = await ask(provider, "messages", "chat", temperature=0.5)
    assert failure is None
    frames = [frame for each in lists for frame in each]
    message = fold(frames)["choices"][0]
    assert message["finish_reason"] == "tool_calls"
    assert message["message"]["content"] == "Let me"
    calls = [call["function"]["name"] for call in message["message"]["tool_calls"]]
    assert calls == ["f", "g"]
    assert [frame.kind for frame in frames][-2:] == [Kind.DIALECT, Kind.USAGE]
    asked = provider.calls[0]
    assert (asked.model, asked.request["model"]) == ("their-model", "their-model")
    assert (asked.request["max_tokens"], asked.request["temperature"]) == (9, 0.5)
    assert (reply.provider_id, reply.first_token, reply.events) == ("theirs", 0.5, len(frames))
    assert reply.usage is not None
    assert reply.usage["total_tokens"] == 6


async def test_a_messages_job_of_a_chat_provider() -> None:
    events = stream_of(CHAT, "usage at the end")
    frames = [data_frame(Kind.DIALECT, encode(event)) for event in events]
    provider = Scripted(frames, usage=events[-1]["usage"])
    lists, reply, _ = await ask(provider, "chat", "messages", system="Be brief")
    frames = [frame for each in lists for frame in each]
    names = [frame.body.split(b"\n")[0].removeprefix(b"event: ").decode() for frame in frames]
    data = [json.loads(data_of(frame.body)) for frame in frames]
    assert names == [event["type"] for event in data]
    assert (names[0], names[-1]) == ("message_start", "message_stop")
    assert reply.usage == data[-2]["usage"]
    assert data[-2]["usage"]["cache_read_input_tokens"] == 4
    assert provider.calls[0].request["messages"][0] == {"role": "system", "content": "Be brief"}


async def test_each_event_is_told_as_it_comes() -> None:
    events = stream_of(CHAT, "text")
    provider = Scripted(*([data_frame(Kind.DIALECT, encode(event))] for event in events))
    lists, _, _ = await ask(provider, "chat", "messages")
    assert b"message_start" in lists[0][0].body
    assert b'"Hi"' in lists[1][-1].body


async def test_a_whole_answer_is_told_as_events() -> None:
    answer = {
        "id": "c",
        "model": "m",
        "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}],
    }
    provider = Scripted([data_frame(Kind.WHOLE, encode(answer))])
    lists, _, failure = await ask(provider, "chat", "responses")
    assert failure is None
    assert len(lists) == 1
    last = json.loads(data_of(lists[0][-1].body))
    assert last["response"]["output"][0]["content"][0]["text"] == "Hi"


async def test_what_cant_be_expressed_is_refused_before_the_call() -> None:
    provider = Scripted()
    lists, _, failure = await ask(provider, "messages", "chat", logprobs=True)
    assert (lists, provider.calls) == ([], [])
    assert failure is not None
    assert (failure.type, failure.status) == ("invalid_request_error", 400)
    assert (failure.code, failure.param, failure.remedy) == ("unexpressible", "logprobs", "next")


async def test_a_malformed_request_goes_to_whoever_speaks_its_dialect() -> None:
    provider = Scripted()
    _, _, failure = await ask(provider, "messages", "chat", messages=3)
    assert failure is not None
    assert provider.calls == []
    assert (failure.code, failure.remedy) == ("unexpressible", "next")
    assert "'messages' must be a list" in failure.message


PICTURE = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}


@pytest.mark.parametrize(
    ("spoken", "events"),
    [
        ("gemini", [{"candidates": [{"content": {"parts": [{"text": "Hi"}, PICTURE]}}]}]),
        ("chat", [{"choices": [{"delta": {"content": "Hi", "images": [{"type": "image_url"}]}}]}]),
        ("chat", [{"choices": [{"delta": {"content": "Hi"}}]},
                  {"choices": [{"delta": {"audio": {"id": "a"}}}]}]),
    ],
)  # fmt: skip
async def test_an_answer_that_cant_be_told_ends_in_the_truth(
    spoken: str, events: list[dict[str, Any]]
) -> None:
    provider = Scripted(*([data_frame(Kind.DIALECT, encode(event))] for event in events))
    lists, _, failure = await ask(provider, spoken, "messages")
    assert b'"Hi"' in b"".join(frame.body for frames in lists for frame in frames)
    assert failure is not None
    assert (failure.type, failure.code) == ("provider_stream_error", "unexpressible_answer")
    assert (failure.status, failure.provider_status, failure.remedy) == (400, None, "final")


def chunk(text: str) -> Frame:
    event = {"id": "a", "model": "m", "choices": [{"index": 0, "delta": {"content": text}}]}
    return data_frame(Kind.DIALECT, encode(event))


async def test_an_answer_that_is_too_long_for_its_dialect_s_end_is_refused_once() -> None:
    """What ends a response tells all of it several times over."""
    fits, more = chunk("a" * LONGEST), chunk("a")
    _, _, failure = await ask(Scripted([fits]), "chat", "messages")
    assert failure is None
    _, _, failure = await ask(Scripted([fits, more]), "chat", "messages")
    assert failure is not None
    assert (failure.code, failure.status, failure.remedy) == ("answer_too_large", 400, "final")


async def test_a_long_end_is_told_some_at_a_time() -> None:
    lists, _, failure = await ask(Scripted([chunk("a" * 300_000)] * 3), "chat", "responses")
    assert failure is None
    sizes = [[len(frame.body) for frame in frames] for frames in lists]
    assert max(map(len, sizes)) > 1  # small ones go together
    assert all(sum(of[:-1]) <= 256 * 1024 for of in sizes)  # nothing is put to what is large
    assert sum(map(sum, sizes)) > 4 * 900_000


async def test_a_picture_among_thoughts_is_part_of_them() -> None:
    part = {**PICTURE, "thought": True}
    event = {"candidates": [{"content": {"parts": [part, {"text": "Hi"}]}}]}
    provider = Scripted([data_frame(Kind.DIALECT, encode(event))])
    _, _, failure = await ask(provider, "gemini", "chat")
    assert failure is None


async def test_a_failure_keeps_what_was_said_and_counted() -> None:
    events = stream_of(MESSAGES, "text")[:3]
    said = {"input_tokens": 5, "output_tokens": 1}
    provider = Scripted([named(event) for event in events], said=said, failure=failures.cut())
    lists, reply, failure = await ask(provider, "messages", "chat")
    assert failure == failures.cut()
    assert fold(lists[0])["choices"][0]["message"]["content"] == "H"
    assert reply.usage is None
    assert reply.said is not None
    assert (reply.said["prompt_tokens"], reply.said["completion_tokens"]) == (5, 1)


async def test_an_error_among_the_events_is_a_failure() -> None:
    error = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "later"}}
    provider = Scripted([data_frame(Kind.DIALECT, encode(error))])
    lists, _, failure = await ask(provider, "gemini", "chat")
    assert lists == []
    assert failure is not None
    assert (failure.type, failure.message) == ("provider_stream_error", "later")


@pytest.mark.parametrize(
    "event", [{"candidates": [1]}, {"candidates": [{"content": 1}]}, {"promptFeedback": 1}]
)
async def test_fields_of_other_types_are_garble(event: dict[str, Any]) -> None:
    provider = Scripted([data_frame(Kind.DIALECT, encode(event))])
    _, _, failure = await ask(provider, "gemini", "chat")
    assert failure == failures.garbled("event")


def test_its_own_dialect_needs_no_translation() -> None:
    provider = Scripted()
    assert speaking(provider, "chat", "chat") is provider
    assert isinstance(speaking(provider, "chat", "messages"), TranslatedProvider)


async def test_a_refusal_to_translate_tells_a_breaker_nothing() -> None:
    counted: list[tuple[int, int]] = []

    class View:
        def count(self, name: str, good: int, bad: int, *, trial: bool) -> None:
            counted.append((good, bad))

    _, _, failure = await ask(Scripted(), "messages", "chat", logprobs=True)
    view = cast(BreakerView, View())
    Passage(view, Target("p", "m")).ended(failure)
    assert counted == []
    Passage(view, Target("p", "m"), trial=True).ended(failure)
    assert counted == [(0, 0)]

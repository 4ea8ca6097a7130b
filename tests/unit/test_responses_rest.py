"""A response that is told again, whole, after a part of it was delivered: nothing is said twice,
and nothing is missing, wherever it was cut and whatever its caller speaks."""

import copy
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from broker.dialects.dialect import Diverged
from broker.dialects.registry import DIALECTS
from broker.dialects.responses import Transcript, fold
from broker.dialects.responses.event import event_of, made_frame
from broker.dialects.responses.rest import Rest
from broker.dialects.responses.told import tell
from broker.frames import Frame
from tests.unit.responses_streams import (
    STREAMS,
    USAGE,
    added,
    call,
    created,
    delta,
    ended,
    message,
    objects,
    response,
    spoken,
)
from workers.intake import Intake
from workers.joining import Joining
from workers.providers.base import Call, Held, Reply, Sink
from workers.providers.translated import TranslatedProvider

# Those with items that a response retrieved has too.
NAMES = [
    *("a message", "queued first", "thoughts, then words", "a call", "incomplete", "a refusal"),
    *("parallel calls, interleaved", "annotations", "a search", "code", "an image in parts"),
    *("a custom tool", "obfuscation"),
]


def frames(events: list[Any]) -> list[Frame]:
    return [made_frame(copy.deepcopy(event)) for event in events]


def read(frame: Frame) -> Any:
    return event_of(frame)


def told_again(response: dict[str, Any]) -> list[Frame]:
    return frames(tell(copy.deepcopy(response)))


def rest_of(said: list[Frame], response: dict[str, Any], spent: Any = None) -> list[Frame]:
    joint = Rest(Transcript.of(said), spent)
    new = [frame for each in told_again(response) for frame in joint.join(each)]
    joint.end()
    return new


def final(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The response as it is retrieved: with all its items."""
    response: dict[str, Any] = copy.deepcopy(events[-1]["response"])
    output = Transcript.of(frames(events[:-1])).output
    for item in output:
        if "status" in item:
            item["status"] = "completed"
    return {**response, "output": copy.deepcopy(output)}


@pytest.mark.parametrize("name", NAMES)
def test_cut_anywhere_it_is_told_once(name: str) -> None:
    events = objects(STREAMS[name])
    right = final(events)
    texts = Transcript.of(frames(events)).texts
    for cut in range(len(events)):
        said = frames(events[:cut])
        new = rest_of(said, right)
        all_of_it = Transcript.of([*said, *new[:-1]])
        assert all_of_it.output == right["output"], cut
        for place, text in all_of_it.texts.items():
            if place[0] != "response.code_interpreter_call_code.delta":  # its item has it whole
                assert str(text) == str(texts[place]), (cut, place)
        kinds = [json.loads(frame.body.partition(b"data: ")[2])["type"] for frame in [*said, *new]]
        assert kinds.count(kinds[-1]) == 1
        assert kinds.count("response.created") == 1
        assert fold([*said, *new])["output"] == right["output"]


def test_an_item_that_was_told_is_told_no_more() -> None:
    events = [created(), *spoken(0, "a"), *spoken(1, "b", "c")]
    right = final([*events, ended()])
    new = rest_of(frames(events[: 7 + 3]), right)
    kinds = [event["type"] for event in map(read, new)]
    assert kinds == [
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert read(new[0])["delta"] == "c"


def test_usage_is_the_sum() -> None:
    right = final([created(), *spoken(0, "a"), ended(usage=USAGE)])
    new = rest_of(frames([created()]), right, USAGE)
    assert read(new[-1])["response"]["usage"]["total_tokens"] == 16


@pytest.mark.parametrize(
    ("said", "output"),
    [
        (spoken(0, "Hello")[:3], [message(0, "Hullo there")]),
        (spoken(0, "Hello")[:3], [message(0, "Hel")]),
        (spoken(0, "Hello")[:3], []),
        ([added(0, **call(0)), delta("{", 0, "function_call_arguments", None)], [call(0, "[]")]),
    ],
)
def test_what_begins_otherwise_is_not_its_rest(said: list[Any], output: list[Any]) -> None:
    with pytest.raises(Diverged):
        rest_of(frames([created(), *said]), response("completed", output=output))


def test_thoughts_may_be_gone_from_it() -> None:
    """As they came they are told; the whole response has their summary only."""
    item = {"id": "item_0", "type": "reasoning"}
    said = [created(), added(0, **item, summary=[]), delta("hm", 0, "reasoning_text")]
    summary = [{"type": "summary_text", "text": "So."}]
    right = response("completed", output=[{**item, "summary": summary}, message(1, "Hi")])
    new = rest_of(frames(said), right)
    assert [read(each)["delta"] for each in new if b".delta" in each.body] == ["So.", "Hi"]


# ── Callers of other dialects ──────────────────────────────────────────────────────────


class Given:
    """A provider that gives these frames."""

    resumes = True

    def __init__(self, given: list[Frame]) -> None:
        self._given = given

    async def stream(
        self, call: Call, reply: Reply, sink: Sink | None = None
    ) -> AsyncGenerator[list[Frame], None]:
        for frame in self._given:
            yield [frame]

    def knows(self, held: Held) -> bool:
        return True

    async def stop(self, call: Call) -> None:
        """It is nobody's to stop."""


async def translated(given: list[Frame], caller: str) -> list[Frame]:
    provider = TranslatedProvider(Given(given), "responses", caller)
    request = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
    found = []
    async with aclosing(provider.stream(Call("r1", "m", request), Reply())) as lists:
        async for some in lists:
            found += some
    return found


SPOKEN = ["a message", "thoughts, then words", "a call", "parallel calls, interleaved"]


@pytest.mark.parametrize("caller", ["chat", "messages"])
@pytest.mark.parametrize("name", SPOKEN)
async def test_a_caller_of_another_dialect_has_it_once(name: str, caller: str) -> None:
    dialect, events = DIALECTS[caller], objects(STREAMS[name])
    full = await translated(frames(events), caller)
    again = await translated(told_again(final(events)), caller)
    right = dialect.fold(full)
    for cut in range(1, len(full)):
        said = full[:cut]
        joining = Joining(dialect, dialect.transcript(said), "replay", None, same=True)
        intake = Intake(joining, None)
        rest = [*intake.take(again), *intake.end()]
        assert dialect.fold([*said, *rest]) == right, cut

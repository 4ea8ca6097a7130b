"""An answer that was gone on with: what the second part adds to the first."""

import copy
from typing import Any

import pytest

from broker.dialects.registry import DIALECTS
from broker.dialects.responses import Transcript, fold
from broker.dialects.responses.event import event_of, made_frame
from broker.dialects.wire import encode
from broker.frames import Frame, Kind, data_frame
from tests.unit.responses_streams import (
    USAGE,
    added,
    at,
    called,
    created,
    delta,
    done,
    ended,
    message,
    spoken,
    thought,
)

Event = dict[str, Any]
HEAD = [created(created_at=1, model="one"), *thought(0, "hm")]
SAID = [*HEAD, *spoken(1, "Hel", "lo ")[:-3]]  # the text is open
AGAIN = [created(created_at=2, model="two"), *spoken(0, "wor", "ld")]
END = ended(created_at=2, model="two", usage=USAGE, output=[message(0, "world", ident="new_")])


def frames(events: list[Any]) -> list[Frame]:
    return [made_frame(copy.deepcopy(event)) for event in events]


def ours(events: list[Event]) -> list[Event]:
    """The events of a later run, whose items have ids of their own."""
    found = copy.deepcopy(events)
    for event in found:
        if "item_id" in event:
            event["item_id"] = event["item_id"].replace("item_", "new_")
        if "item" in event:
            event["item"]["id"] = event["item"]["id"].replace("item_", "new_")
    return found


def added_to(said: list[Event], again: list[Event], spent: Any = None) -> list[Event]:
    """What the second run adds to the first."""
    transcript = Transcript.of(frames(said))
    assert transcript.prefillable
    joint = DIALECTS["responses"].joint(transcript, "continue", spent)
    told = [new for frame in frames(again) for new in joint.join(frame)]
    joint.end()
    return [event_of(frame) or {} for frame in told]


def types(events: list[Event]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


TEXT_ENDS = ["output_text.done", "content_part.done", "output_item.done"]


def test_the_text_goes_on_in_the_message_that_was_open() -> None:
    told = added_to(SAID, [*ours(AGAIN), END], USAGE)
    assert types(told) == ["output_text.delta"] * 2 + [*TEXT_ENDS, "completed"]
    assert {(event["output_index"], event["item_id"]) for event in told[:4]} == {(1, "item_1")}
    assert told[2]["text"] == told[3]["part"]["text"] == "Hello world"
    response = fold(frames([*SAID, *told]))
    assert [item["id"] for item in response["output"]] == ["item_0", "item_1"]
    assert response["output"][1] == told[4]["item"] == message(1, "Hello world")
    assert (response["created_at"], response["model"]) == (1, "one")
    assert response["usage"]["total_tokens"] == 2 * USAGE["total_tokens"]
    # And as one who reads no further than before its end has it.
    assert fold(frames([*SAID, *told[:-1]]))["output"] == response["output"]


def test_thoughts_are_left_out_and_calls_come_next() -> None:
    again = [created(), *thought(0, "so"), *spoken(1, "world"), *called(2, '{"a":1}')]
    told = added_to(SAID, [*ours(again), ended()])
    assert not any("summary" in kind for kind in types(told))
    assert [event["output_index"] for event in told[:-1]] == [1] * 4 + [2] * (len(told) - 5)
    output = told[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call"]
    assert output[1]["content"][0]["text"] == "Hello world"


def test_what_says_no_more_text_ends_the_open_message_first() -> None:
    told = added_to(SAID, [created(), *ours(called(0, "{}")), ended()])
    assert types(told)[:4] == [*TEXT_ENDS, "output_item.added"]
    assert told[0]["text"] == "Hello "
    assert told[3]["output_index"] == 2
    silent = added_to(SAID, [created(), ended()])
    assert types(silent) == [*TEXT_ENDS, "completed"]
    assert silent[-1]["response"]["output"][1] == message(1, "Hello ")


def test_a_message_that_was_whole_is_followed_by_another() -> None:
    told = added_to([*HEAD, *spoken(1, "Hello ")], [*ours(AGAIN), END])
    assert types(told)[:2] == ["output_item.added", "content_part.added"]
    assert {event["output_index"] for event in told[:-1]} == {2}
    texts = [item["content"][0]["text"] for item in told[-1]["response"]["output"][1:]]
    assert texts == ["Hello ", "world"]


def test_a_refusal_is_a_message_of_its_own() -> None:
    refusal = {"type": "refusal", "refusal": "no"}
    item = {**message(0), "content": [refusal]}
    again = [
        added(0, **message(0)),
        at("content_part.added", part=0) | {"part": {**refusal, "refusal": ""}},
        delta("no", kind="refusal"),
        done(0, **item),
    ]
    told = added_to(SAID, [created(), *ours(again), ended()])
    assert types(told)[:4] == [*TEXT_ENDS, "output_item.added"]
    assert told[-1]["response"]["output"][2]["content"] == [refusal]


def test_further_parts_of_the_message_follow_its_first() -> None:
    part = {"type": "output_text", "text": "more", "annotations": []}
    again = ours(AGAIN)
    more = [
        at("content_part.added", 0, 1) | {"part": {**part, "text": ""}},
        at("content_part.done", 0, 1) | {"part": part},
    ]
    last = {**message(0, "world", "more"), "id": "new_0"}
    told = added_to(SAID, [*again[:-1], *ours(more), done(0, **last), END])
    assert [event["content_index"] for event in told[4:6]] == [1, 1]
    texts = [each["text"] for each in told[-1]["response"]["output"][1]["content"]]
    assert texts == ["Hello world", "more"]


def test_a_whole_answer_is_told_as_its_rest() -> None:
    transcript = Transcript.of(frames(SAID))
    joint = DIALECTS["responses"].joint(transcript, "continue", None)
    whole = data_frame(Kind.WHOLE, encode(END["response"]))
    told = [event_of(frame) or {} for frame in joint.join(whole)]
    assert types(told) == ["output_text.delta", *TEXT_ENDS, "completed"]


def test_events_about_nothing_in_particular_pass() -> None:
    odd = {"type": "response.rate_limits", "limits": 1}
    assert added_to(SAID, [odd]) == [odd]


def test_a_third_part_goes_on_from_both() -> None:
    told = added_to(SAID, ours(AGAIN)[:-3])
    again = added_to([*SAID, *told], [*ours(AGAIN), END])
    assert again[-1]["response"]["output"][1] == message(1, "Hello worldworld")


@pytest.mark.parametrize(
    "said",
    [
        [],
        HEAD,
        [*HEAD, *spoken(1, "x")[:2]],  # no text yet
        [*HEAD, *spoken(1, "x")[:-2]],  # the text is done, and its message open
        [*HEAD, *spoken(1, "x")[:-1]],
        [*HEAD, *spoken(1, "x"), *called(2, "{")],
        [*HEAD, *called(1, "{}"), *spoken(2, "x")],
        [*HEAD, *spoken(1, "x"), *thought(2, "y")],
        [*HEAD, *spoken(1, "\ud83d")[:-3]],
        [*HEAD, *spoken(1, "x"), ended()],
        [*HEAD, added(1, **{**message(1), "content": [{"type": "refusal", "refusal": "n"}]})],
    ],
)
def test_what_cant_be_gone_on_from(said: list[Event]) -> None:
    assert not Transcript.of(frames(said)).prefillable


@pytest.mark.parametrize(
    ("asked", "before"),
    [
        ("?", [{"role": "user", "content": "?"}]),
        ([{"role": "user", "content": "?"}], [{"role": "user", "content": "?"}]),
        (None, []),
    ],
)
def test_the_partial_answer_is_the_last_item(asked: Any, before: list[Any]) -> None:
    request = {"model": "m", "input": asked, "max_output_tokens": 40}
    halves = [*SAID, delta("\ud83d", 1), delta("\ude00", 1)]
    found = DIALECTS["responses"].continued(request, Transcript.of(frames(halves)))
    assert found["input"] == [*before, {"role": "assistant", "content": "Hello \U0001f600"}]
    assert found["max_output_tokens"] == 37
    assert request["input"] == asked

"""A replay joined to what was delivered: swallowed while it is the same, then taken."""

import copy
from typing import Any

import pytest

from broker.dialects.dialect import Diverged
from broker.dialects.responses import Joint, Transcript, fold
from broker.dialects.responses.event import event_of, made_frame
from broker.frames import Frame
from tests.unit.responses_streams import (
    STREAMS,
    USAGE,
    added,
    at,
    call,
    called,
    created,
    delta,
    done,
    ended,
    message,
    objects,
    spoken,
    thought,
)

PROGRESS = {"type": "response.in_progress", "response": {"id": "resp_ours"}}


def renamed(value: Any) -> Any:
    """The same events of another run, which mints ids of its own."""
    if isinstance(value, dict):
        return {
            key: f"other_{inner}"
            if key in ("id", "item_id", "call_id") and inner != "resp_ours"
            else renamed(inner)
            for key, inner in value.items()
        }
    return [renamed(each) for each in value] if isinstance(value, list) else value


def frames(events: list[Any]) -> list[Frame]:
    return [made_frame(copy.deepcopy(event)) for event in events]


def own(events: list[Any]) -> list[Any]:
    """Events with the broker's id, as they are stored."""
    found = copy.deepcopy(events)
    for event in found:
        if "response" in event:
            event["response"]["id"] = "resp_ours"
    return found


def joined(said: list[Any], again: list[Any], spent: Any = None) -> list[dict[str, Any]]:
    """What the second run adds to the first."""
    joint = Joint(Transcript.of(frames(own(said))), spent)
    told = [new for frame in frames(own(again)) for new in joint.join(frame)]
    joint.end()
    return [event_of(frame) or {} for frame in told]


PLAIN = [
    created(),
    PROGRESS,
    *thought(0, "hm", "m"),
    *spoken(1, "Hel", "lo"),
    *called(2, '{"a"', ":1}"),
    ended(output=[message(1, "Hello"), call(2, '{"a":1}')], usage=USAGE),
]


@pytest.mark.parametrize("cut", range(len(PLAIN)))
def test_wherever_it_was_cut_the_two_are_one_answer(cut: int) -> None:
    new = joined(PLAIN[:cut], renamed(PLAIN))
    told = own(PLAIN[:cut]) + new
    kinds = [event["type"] for event in told]
    assert kinds == [event["type"] for event in PLAIN]
    # Each item has one id, from its beginning to the end.
    for index in range(3):
        events = [event for event in told if event.get("output_index") == index]
        ids = {event.get("item_id") or event["item"]["id"] for event in events}
        assert len(ids) == 1
    for kind in ("output_text", "function_call_arguments", "reasoning_summary_text"):
        pieces = [each["delta"] for each in told if each["type"] == f"response.{kind}.delta"]
        assert "".join(pieces) in ("Hello", '{"a":1}', "hmmm", "hmm")
    assert told[-1]["response"]["usage"] == USAGE


def test_texts_may_be_cut_elsewhere() -> None:
    head = [created(), added(0, **message(0))]
    new = joined([*head, delta("Hel")], [*head, delta("H"), delta("ello"), delta("!"), ended()])
    assert [event.get("delta") for event in new] == ["lo", "!", None]


def test_an_answer_that_had_not_begun_is_another_attempts() -> None:
    again = [created(), PROGRESS, *spoken(0, "x"), ended()]
    new = joined([created()], again)
    assert [event["type"] for event in new] == [event["type"] for event in again[1:]]
    assert joined([], again) == own(again)


def test_whole_items_stay_as_they_were_delivered() -> None:
    again = renamed(
        [created(), *thought(0, "hm"), *spoken(1, "x"), ended(output=[{"id": "a"}, {"id": "b"}])]
    )
    again[6]["item"]["encrypted_content"] = "other"
    said = [created(), *thought(0, "hm")]
    new = joined(said, again)
    delivered = said[-1]
    assert isinstance(delivered, dict)
    assert new[-1]["response"]["output"][0] == delivered["item"]
    assert fold(frames([*own(said), *new]))["output"][0]["encrypted_content"] == "gAAAA"


def test_what_all_attempts_cost_is_summed() -> None:
    new = joined([created()], [created(), ended(usage=USAGE)], {"input_tokens": 4})
    assert new[-1]["response"]["usage"] == {**USAGE, "input_tokens": 7}


HEAD = [created(), added(0, **message(0)), delta("Hello")]


@pytest.mark.parametrize(
    "again",
    [
        [created(), added(0, **message(0)), delta("Help"), ended()],
        [created(), added(0, **message(0)), delta("Hell"), ended()],
        [created(), added(0, **message(0)), delta("Hell"), at("output_text.done", text="Hell")],
        [created(), added(0, **call(0)), ended()],
        [created(), ended()],
        [created()],
        [],
    ],
)
def test_another_answer_is_refused(again: list[Any]) -> None:
    with pytest.raises(Diverged):
        joined(HEAD, again)


def test_nothing_new_is_told_while_something_is_owed() -> None:
    joint = Joint(Transcript.of(frames(own([*HEAD, *called(1, "{}")]))), None)
    again = [created(), added(0, **message(0)), delta("Hello, you"), done(0, **message(0, "Hi"))]
    assert [joint.join(frame) for frame in frames(own(again))] == [[], [], [], []]
    assert joint.owes


def test_another_tool_is_another_answer() -> None:
    again = [created(), added(0, **call(0, name="delete"))]
    with pytest.raises(Diverged):
        joined([created(), added(0, **call(0))], again)


@pytest.mark.parametrize("name", STREAMS)
def test_odd_streams_say_the_same_as_themselves(name: str) -> None:
    events = [event for event in objects(STREAMS[name]) if isinstance(event, dict)]
    for cut in range(len(events)):
        told = own(events[:cut]) + joined(events[:cut], events)
        assert fold(frames(told)) == fold(frames(own(events)))

"""The joint of messages: wherever an answer was cut, readers get one message."""

import copy
import json
from typing import Any

import pytest

from broker.dialects.dialect import Diverged
from broker.dialects.messages import Joint, Transcript, fold
from broker.dialects.messages.request import continued
from broker.frames import Frame, Kind, data_frame, data_of
from tests.unit.messages_streams import (
    ALL,
    ODD,
    STREAMS,
    Event,
    begin,
    delta,
    end,
    frame,
    frames_of,
    start,
    stop,
    text,
    thought,
    tool,
)

# A run that begins twice or leaves out a block's start can't be compared with another.
REPLAYED = [name for name in ALL if name not in ("two starts", "a delta without a start")]
SPENT = {"input_tokens": 5, "output_tokens": 7, "estimated": True}


def cuts(name: str) -> list[tuple[list[Event], list[Event]]]:
    """The events before and after every cut that leaves something to say."""
    events = ALL[name]
    last = next(i for i, event in enumerate(events) if event["type"] == "message_delta")
    return [(events[:place], events) for place in range(1, last + 1)]


def joined(before: list[Event], after: list[Event], mode: Any, spent: Any = None) -> list[Event]:
    """What readers got after the cut; the events are told to be well formed."""
    joint = Joint(Transcript.of(frames_of(before)), mode, spent)
    got = [out for each in after for out in joint.join(frame(each))]
    joint.end()
    events = [json.loads(data_of(each.body)) for each in got]
    for each, event in zip(got, events, strict=True):
        assert each.body.startswith(b"event: " + event["type"].encode() + b"\n")
    return events


def check_form(events: list[Event]) -> None:
    """One start, blocks that open and close once, in order, one end."""
    kinds = [event["type"] for event in events]
    assert kinds.count("message_start") == kinds.count("message_delta") == 1
    began = [event["index"] for event in events if event["type"] == "content_block_start"]
    ended = [event["index"] for event in events if event["type"] == "content_block_stop"]
    assert began == ended == list(range(len(began)))


def other_run(events: list[Event]) -> list[Event]:
    """The same answer under the ids of another run."""
    told = json.dumps(events).replace("toolu_", "toolv_").replace("msg_", "msh_")
    again: list[Event] = json.loads(told.replace("c2ln", "b3Ro"))
    return again


def told(events: list[Event]) -> Any:
    """What the events say, ids and signatures apart."""
    whole = json.dumps(fold(frames_of(events)))
    for minted in ("toolv_", "msh_", "b3Ro"):
        whole = whole.replace(minted, {"toolv_": "toolu_", "msh_": "msg_", "b3Ro": "c2ln"}[minted])
    return json.loads(whole)


@pytest.mark.parametrize("name", REPLAYED)
def test_a_replay_makes_the_message_whole(name: str) -> None:
    for before, after in cuts(name):
        got = [*before, *joined(before, other_run(after), "replay")]
        assert told(got) == told(after), (name, len(before))
        if name in STREAMS:
            check_form(got)


@pytest.mark.parametrize("name", REPLAYED)
def test_and_so_does_a_replay_that_is_a_whole_answer(name: str) -> None:
    for before, after in cuts(name):
        whole = json.dumps(fold(frames_of(other_run(after)))).encode()
        if "tomorrow" in name or "halves" in name:
            continue  # what a whole message says of these is not what its events say
        joint = Joint(Transcript.of(frames_of(before)), "replay")
        try:
            frames = joint.join(data_frame(Kind.WHOLE, whole))
            joint.end()
        except Diverged:  # an input's text is not written the same way twice
            assert "tool" in name or "search" in name
            continue
        got = [*before, *(json.loads(data_of(each.body)) for each in frames)]
        assert told(got)["content"] == told(after)["content"], (name, len(before))


@pytest.mark.parametrize("name", ALL)
def test_what_can_be_gone_on_with_is_made_whole(name: str) -> None:
    """The provider goes on from the text that it was given, as its own first block."""
    for before, after in cuts(name):
        said = Transcript.of(frames_of(before))
        if not said.prefillable:
            continue
        given = said.texts()[-1]
        rest = [start(id="msg_2"), *thought(0, "again"), *text(1, " and", " more"), *end()]
        got = [*before, *joined(before, rest, "continue", SPENT)]
        if name in STREAMS:
            check_form(got)
        whole = fold(frames_of(got))
        assert whole["id"] == "msg_1"
        texts = "".join(b["text"] for b in whole["content"] if b["type"] == "text")
        texts = json.loads(json.dumps(texts))  # halves that met are one
        assert texts.split() == ("".join(said.texts()[:-1]) + given + " and more").split()
        kept = [b for b in whole["content"] if b["type"] == "thinking"]
        assert all(block["thinking"] != "again" for block in kept)
        assert whole["usage"]["output_tokens"] == 7 + 12
        assert whole["usage"]["estimated"] is True
        assert after


@pytest.mark.parametrize("name", ALL)
def test_where_it_stands_at_every_cut(name: str) -> None:
    for before, _ in cuts(name):
        said = Transcript.of(frames_of(before))
        blocks = fold(frames_of(before))["content"]
        assert not said.complete()
        if said.silent:
            assert not said.prefillable
            assert all(b["type"] in ("text", "thinking") and not b[b["type"]] for b in blocks)
        if said.prefillable:
            assert {b["type"] for b in blocks} <= {"text", "thinking", "redacted_thinking"}
            assert blocks[-1]["type"] == "text"
        assert (said.usage, said.said is None) == (None, False)
    assert Transcript.of(frames_of(ALL[name])).complete()


# ── By hand ────────────────────────────────────────────────────────────────────────────

HEL = [start(), begin(0, "text", text=""), delta(0, "text", text="Hel")]


def test_a_delta_across_the_boundary_is_cut() -> None:
    after = [start(), *text(0, "Hello"), *end()]
    assert joined(HEL, after, "replay")[0] == delta(0, "text", text="lo")


def test_a_space_that_was_not_sent_back_is_said_once() -> None:
    before = [*HEL, delta(0, "text", text="lo \n")]
    assert Transcript.of(frames_of(before)).texts() == ["Hello"]
    for pieces, rest in ((["", " ", "\nyou"], "you"), ([" you"], "you"), (["you"], "you")):
        got = joined(before, [start(), *text(0, *pieces), *end()], "continue")
        assert "".join(e["delta"]["text"] for e in got if "text" in e.get("delta", {})) == rest


def test_a_continuation_that_says_nothing_closes_the_block() -> None:
    got = joined(HEL, [start(), *end()], "continue")
    assert [event["type"] for event in got] == [
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_a_tool_after_the_text_is_the_next_block() -> None:
    got = joined(HEL, [start(), *text(0, "lo"), *tool(1, "{}"), *end("tool_use")], "continue")
    assert [event.get("index") for event in got] == [0, 0, 1, 1, 1, None, None]
    got = joined(HEL, [start(), *tool(0, "{}"), *end("tool_use")], "continue")
    assert [event.get("index") for event in got] == [0, 1, 1, 1, None, None]


def test_an_empty_block_gives_way_to_one_of_another_type() -> None:
    before = [start(), begin(0, "thinking", thinking="", signature="")]
    assert Transcript.of(frames_of(before)).silent
    got = [*before, *joined(before, [start(), *text(0, "Hi"), *tool(1, "{}"), *end()], "replay")]
    check_form(got)
    kinds = [block["type"] for block in fold(frames_of(got))["content"]]
    assert kinds == ["thinking", "text", "tool_use"]


def test_a_result_refers_to_the_id_that_was_delivered() -> None:
    events = STREAMS["a search"]
    before = events[
        : 1 + next(i for i, e in enumerate(events) if e["type"] == "content_block_stop")
    ]
    got = joined(before, other_run(events), "replay")
    assert got[0]["content_block"]["tool_use_id"] == "toolu_0"


TOOL = [start(), begin(0, "tool_use", id="t", name="f", input={}), stop(0)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(HEL, [start(), *text(0, "Hex"), *end()], id="another text"),
        pytest.param(HEL, [start(), *text(0, "He"), *end()], id="an early end"),
        pytest.param(HEL, [start(), *end()], id="nothing"),
        pytest.param(HEL, [start()], id="an end of the stream"),
        pytest.param(HEL, [start(), *tool(0, "{}"), *end()], id="a tool"),
        pytest.param(TOOL, [start(), *tool(0, name="g"), *end()], id="another tool"),
        pytest.param(TOOL, [start(), *tool(0, "{}"), *end()], id="a tool with an input"),
        pytest.param(
            [*HEL, stop(0)], [start(), *text(0, "Hello"), *end()], id="on after a block's end"
        ),
        pytest.param(
            [start(), begin(0, "text", text=""), delta(0, "citations", citation={"a": 1})],
            [start(), begin(0, "text", text=""), delta(0, "citations", citation={"a": 2})],
            id="another citation",
        ),
    ],
)
def test_what_diverges(before: list[Event], after: list[Event]) -> None:
    with pytest.raises(Diverged):
        joined(before, after, "replay")


def test_what_is_no_event_passes_as_it_is() -> None:
    odd = Frame(Kind.DIALECT, b"data: x")
    assert Joint(Transcript.of(frames_of(HEL)), "continue").join(odd) == [odd]


def test_the_partial_answer_is_asked_for_without_thinking() -> None:
    request = {
        "model": "m",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "?"}],
        "thinking": {"type": "enabled", "budget_tokens": 50},
    }
    before = copy.deepcopy(request)
    events = [start(), *thought(0, "12345678"), *text(1, "a "), *text(2, "b "), *end()][:-3]
    said = Transcript.of(frames_of(events))
    assert said.prefillable
    asked = continued(request, said)
    assert request == before
    blocks = [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]
    partial = {"role": "assistant", "content": blocks}
    assert asked["messages"] == [*request["messages"], partial]  # type: ignore[misc]
    assert "thinking" not in asked
    assert asked["max_tokens"] == 97
    single = continued(request, Transcript.of(frames_of(HEL)))
    assert single["messages"][-1] == {"role": "assistant", "content": "Hel"}


def test_every_attempt_is_told_apart() -> None:
    def attempt(**more: Any) -> Frame:
        return data_frame(Kind.NATIVE, json.dumps({"number": 1, **more}).encode(), b"attempt")

    said = Transcript.of([attempt(), *frames_of(HEL), attempt(mode="continue")])
    assert (said.before, said.length, said.usage, said.said) == (3, 3, None, None)
    whole = Transcript.of([attempt(), *frames_of(STREAMS["text"])])
    assert whole.usage is not None
    assert (whole.usage["input_tokens"], whole.usage["output_tokens"]) == (9, 12)
    assert ODD

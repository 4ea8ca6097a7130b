"""The joint: whatever was delivered and however the rest comes, readers get one answer."""

import copy
import json
import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from broker.dialects.chat import Diverged, Joint, Transcript, fold
from broker.frames import Frame, Kind, data_frame, data_of
from tests.unit.chopped import answers, chop, chop_text, frames_of

PROPERTY = settings(max_examples=200, derandomize=True, deadline=None)
CUT = st.floats(0, 1)


def delivered(answer: dict[str, Any], seed: int, cut: float) -> list[Frame]:
    """The frames of an answer up to a cut, its finish for every choice not among them."""
    frames = chop(answer, random.Random(seed))[:-2]
    return frames[: 1 + int(cut * (len(frames) - 2))]


def joined(
    before: list[Frame], after: list[Frame], mode: Any, spent: dict[str, Any] | None = None
) -> list[Frame]:
    """What readers got."""
    got = list(before)
    join(got, after, Joint(Transcript.of(before), mode, spent))
    return got


def join(got: list[Frame], after: list[Frame], joint: Joint) -> None:
    for frame in after:
        if frame.kind in (Kind.DIALECT, Kind.USAGE):
            got += [data_frame(Kind.DIALECT, data) for data in joint.feed(data_of(frame.body))]
    joint.end()


def other_run(answer: dict[str, Any]) -> dict[str, Any]:
    """The same answer under the ids of another run."""
    again = copy.deepcopy(answer)
    again["id"] = answer["id"] + "2"
    again["created"] += 1
    for choice in again["choices"]:
        for call in choice["message"].get("tool_calls", ()):
            call["id"] += "2"
    return again


def own_ids(whole: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The fold with the answer's ids, where the first run had not yet said its own."""
    for got, said in zip(whole["choices"], answer["choices"], strict=True):
        calls = said["message"].get("tool_calls", ())
        for mine, call in zip(got["message"].get("tool_calls", ()), calls, strict=True):
            assert mine["id"] in (call["id"], call["id"] + "2")
            mine["id"] = call["id"]
    return whole


@PROPERTY
@given(answers(), st.integers(0, 2**32), st.integers(0, 2**32), CUT)
def test_a_replay_makes_the_answer_whole(
    answer: dict[str, Any], seed: int, other: int, cut: float
) -> None:
    before = delivered(answer, seed, cut)
    assume(len(before) > 1)
    after = chop(other_run(answer), random.Random(other))
    assert own_ids(fold(joined(before, after, "replay")), answer) == answer


@PROPERTY
@given(answers(), st.integers(0, 2**32), st.integers(0, 2**32), CUT, CUT)
def test_and_so_does_a_replay_of_a_replay(
    answer: dict[str, Any], seed: int, other: int, cut: float, again: float
) -> None:
    before = delivered(answer, seed, cut)
    assume(len(before) > 1)
    after = chop(other_run(answer), random.Random(other))[:-2]
    joint = Joint(Transcript.of(before), "replay")
    for frame in after[1 : int(again * len(after))]:
        before += [data_frame(Kind.DIALECT, data) for data in joint.feed(data_of(frame.body))]
    assume(not Transcript.of(before).complete(len(answer["choices"])))
    after = chop(other_run(answer), random.Random(seed + 1))
    assert own_ids(fold(joined(before, after, "replay")), answer) == answer


def texts(answer: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Every place of a text that grows, as what holds it and under which key."""
    found = []
    for choice in answer["choices"]:
        message = choice["message"]
        found += [(message, key) for key in ("content", "refusal", "reasoning_content", "flavour")]
        for call in message.get("tool_calls", ()):
            kind = call["type"]
            found.append((call[kind], "arguments" if kind == "function" else "input"))
        if "function_call" in message:
            found.append((message["function_call"], "arguments"))
    return [(where, key) for where, key in found if where.get(key)]


@PROPERTY
@given(answers(), st.integers(0, 2**32), st.integers(0, 2**32), CUT, st.data())
def test_a_replay_that_differs_leaves_a_prefix(
    answer: dict[str, Any], seed: int, other: int, cut: float, data: st.DataObject
) -> None:
    before = delivered(answer, seed, cut)
    changed = other_run(answer)
    places = texts(changed)
    assume(len(before) > 1 and places)
    where, key = data.draw(st.sampled_from(places))
    place = data.draw(st.integers(0, len(where[key]) - 1))
    where[key] = where[key][:place] + "§" + where[key][place + 1 :]
    assume(changed != other_run(answer))
    got = list(before)
    joint = Joint(Transcript.of(before), "replay")
    with suppress(Diverged):  # in what was delivered: nothing was added to it
        join(got, chop(changed, random.Random(other)), joint)
    said = [[where[key] for where, key in texts(each)] for each in (fold(got), changed)]
    assert joint.owes == (got == before) == (said[0] != said[1])


@PROPERTY
@given(
    st.text(min_size=1, max_size=20),
    st.text(max_size=20),
    st.text(max_size=8),
    st.integers(0, 2**32),
)
def test_a_continuation_makes_the_answer_whole(
    first: str, rest: str, thought: str, seed: int
) -> None:
    draw = random.Random(seed)
    top: dict[str, Any] = {
        "id": "c1",
        "created": 1,
        "model": "m",
        "object": "chat.completion.chunk",
    }

    def chunks(text: str, identity: dict[str, Any], finish: str | None) -> list[Frame]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": part} for part in chop_text(thought, draw)]
        deltas += [{"content": part} for part in chop_text(text, draw)]
        bodies: list[dict[str, Any]]
        bodies = [{"choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
        if finish:
            bodies.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        return frames_of(*({**identity, **body, "obfuscation": "xx"} for body in bodies))

    before = chunks(first, top, None)
    assert Transcript.of(before).text() == first
    got = joined(before, chunks(rest, {**top, "id": "c2", "model": "n"}, "stop"), "continue")
    whole = fold(got)
    message = {"role": "assistant", "content": first + rest, "reasoning_content": thought}
    assert whole["choices"] == [{"index": 0, "message": message, "finish_reason": "stop"}]
    assert (whole["id"], whole["model"]) == ("c1", "m")
    new = [json.loads(data_of(frame.body)) for frame in got[len(before) :]]
    assert not any("role" in choice["delta"] for chunk in new for choice in chunk["choices"])
    assert not any("obfuscation" in chunk for chunk in new)


# ── By hand ────────────────────────────────────────────────────────────────────────────


def chunk(delta: dict[str, Any] | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta or {}, "finish_reason": None, **more}]}


def replayed(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a replay adds, as chunks."""
    encoded = [data_frame(Kind.DIALECT, json.dumps(each).encode()) for each in before + after]
    old, new = encoded[: len(before)], encoded[len(before) :]
    return [json.loads(data_of(f.body)) for f in joined(old, new, "replay")[len(before) :]]


TEXT, STOP = chunk({"content": "Hel"}), chunk(finish_reason="stop")


def call(arguments: str, **more: Any) -> dict[str, Any]:
    part = {"index": 0, "function": {"arguments": arguments}}
    if more:
        part |= {"id": more["id"], "function": {"name": more["name"], "arguments": arguments}}
    return chunk({"tool_calls": [part]})


def test_a_chunk_across_the_boundary_is_cut() -> None:
    assert replayed([TEXT], [chunk({"content": "Hello"})]) == [chunk({"content": "lo"})]


def test_a_surrogate_pair_may_be_cut_elsewhere() -> None:
    half, other = chunk({"content": "\ud83d"}), chunk({"content": "\ude00!"})
    smile = chunk({"content": "😀!"})
    assert replayed([half], [smile]) == [other]
    assert replayed([half, chunk({"content": "\ude00"})], [smile]) == [chunk({"content": "!"})]


def test_a_finish_is_delivered_once() -> None:
    other = chunk({"content": "b"}, 1)
    end = chunk(None, 1, finish_reason="stop")
    assert replayed([TEXT, STOP, other], [TEXT, other, STOP, end]) == [end]


def test_a_call_goes_on_under_its_first_id() -> None:
    before = [call('{"a"', id="c1", name="f")]
    (more,) = replayed(before, [call("", id="c2", name="f"), call('{"a":1}')])
    assert more == call(":1}")


def test_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    def bare(name: str, arguments: str) -> dict[str, Any]:
        part = {"id": name, "function": {"name": "f" + name[0], "arguments": arguments}}
        return chunk({"tool_calls": [part]})

    (more,) = replayed([bare("a1", "{}"), bare("b1", "{")], [bare("a2", "{}"), bare("b2", "{}")])
    assert more == chunk({"tool_calls": [{"index": 1, "function": {"arguments": "}"}}]})


def test_nothing_new_is_said_while_something_is_owed() -> None:
    late = chunk({"reasoning": "hm"})
    assert replayed([TEXT], [late, TEXT]) == [late]
    with pytest.raises(Diverged):
        replayed([TEXT], [late, chunk({"content": "Bye"})])


def test_a_keep_alive_passes() -> None:
    alive: dict[str, Any] = {"id": "c2", "choices": []}
    assert replayed([{"id": "c1", **TEXT}], [alive, TEXT]) == [{"id": "c1", "choices": []}]


def test_a_silent_attempt_gives_way_to_any_answer() -> None:
    role = chunk({"role": "assistant", "content": ""})
    after = [role, chunk({"content": "Hi"}), STOP]
    assert replayed([role], after) == after[1:]
    assert replayed([{"choices": []}], after) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([TEXT], [chunk({"content": "Hex"})], id="another text"),
        pytest.param([TEXT], [STOP], id="an early finish"),
        pytest.param([TEXT], [chunk({"content": "He"})], id="an early end"),
        pytest.param([TEXT], [chunk({"content": [{"type": "text"}]})], id="another shape"),
        pytest.param(
            [call("{", id="c1", name="f")], [call("{}", id="c2", name="g")], id="another tool"
        ),
        pytest.param([call("", id="c1", name="f")], [STOP], id="no tool"),
        pytest.param(
            [chunk({"function_call": {"name": "f", "arguments": "{"}})],
            [chunk({"function_call": {"name": "f", "arguments": "["}})],
            id="a call of old",
        ),
        pytest.param(
            [TEXT, STOP, chunk({"content": "b"}, 1)],
            [chunk({"content": "Hello"}), chunk({"content": "b"}, 1)],
            id="on after its end",
        ),
        pytest.param(
            [TEXT, STOP, chunk({"content": "b"}, 1)],
            [TEXT, chunk(finish_reason="length"), chunk({"content": "b"}, 1)],
            id="another finish",
        ),
    ],
)
def test_what_diverges(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    with pytest.raises(Diverged):
        replayed(before, after)


def test_usage_is_summed_wherever_it_stands() -> None:
    end = {**STOP, "usage": {"total_tokens": 2}}
    got = joined(frames_of(TEXT), frames_of(end), "continue", {"total_tokens": 3})
    assert json.loads(data_of(got[-1].body))["usage"] == {"total_tokens": 5}


def test_what_is_no_chunk_passes_as_it_is() -> None:
    joint = Joint(Transcript.of(frames_of(TEXT)), "continue")
    assert joint.feed(b"[1]") == [b"[1]"]
    assert joint.feed(b'{"choices":["x"]}') == [b'{"choices":["x"]}']

"""The folds as such: fed in whatever parts, bounded in memory, a whole answer as it came."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.dialects.chat.items import Items
from broker.dialects.registry import DIALECTS
from broker.dialects.wire import encode
from broker.frames import Frame, Kind, data_frame
from tests.recorded.corpus import CORPUS
from tests.recorded.reading import events_of
from tests.recorded.stream import Recorded
from tests.unit import messages_streams, responses_streams

RECORDED = [
    pytest.param(dialect, each, id=f"{dialect}-{each.name}")
    for dialect in DIALECTS
    for each in CORPUS[dialect]
]


def frames_on_the_wire(recorded: Recorded) -> list[Frame]:
    return [
        data_frame(Kind.DIALECT, event.data, event.name.encode())
        for event in events_of(recorded.body)
    ]


@pytest.mark.parametrize(("dialect", "recorded"), RECORDED)
def test_fed_frame_by_frame_it_is_the_fold_of_the_whole(dialect: str, recorded: Recorded) -> None:
    frames = frames_on_the_wire(recorded)
    whole = DIALECTS[dialect].fold(frames)
    fold = DIALECTS[dialect].folding()
    for frame in frames:
        fold.feed([frame])
    assert encode(fold.answer()) == encode(whole)
    again = DIALECTS[dialect].folding()
    again.feed(iter(frames))
    assert again.encoded() == encode(whole)


# ── Long answers ───────────────────────────────────────────────────────────────────────────

MANY = 20_000


def chunk(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": 0, "delta": delta, **more}]}


def chat_text() -> Iterator[dict[str, Any]]:
    return (chunk({"content": f" w{n}"}) for n in range(MANY))


def messages_text() -> Iterator[dict[str, Any]]:
    yield messages_streams.start()
    yield messages_streams.begin(0, "text", text="")
    for n in range(MANY):
        yield messages_streams.delta(0, "text", text=f" w{n}")


def responses_text() -> Iterator[dict[str, Any]]:
    yield responses_streams.created()
    yield responses_streams.added(0, **responses_streams.message(0))
    for n in range(MANY):
        yield responses_streams.delta(f" w{n}", 0)


@pytest.mark.parametrize(
    ("dialect", "events"),
    [("chat", chat_text), ("messages", messages_text), ("responses", responses_text)],
)
def test_a_long_answer_takes_memory_of_its_text(
    dialect: str, events: Callable[[], Iterator[dict[str, Any]]]
) -> None:
    text = "".join(f" w{n}" for n in range(MANY))
    fold = DIALECTS[dialect].folding()
    tracemalloc.start()
    for event in events():
        fold.feed([data_frame(Kind.DIALECT, json.dumps(event).encode())])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 3 * len(text) + 100_000  # as objects the pieces alone are ten times the text
    assert json.dumps(text)[1:-1].encode() in fold.encoded()


def probable(n: int) -> dict[str, Any]:
    """What a chat says of one token's probability, with one half of a character now and then."""
    others = [{"token": f"o{i}", "logprob": -i / 7, "bytes": [1, 2]} for i in range(5)]
    return {"token": "\ud83d" if n % 9 == 0 else f"w{n}", "logprob": -0.5, "top_logprobs": others}


def test_what_only_gathers_beside_a_long_answer_is_kept_as_its_json() -> None:
    fold = DIALECTS["chat"].folding()
    size = len(json.dumps(probable(1)))
    tracemalloc.start()
    for n in range(2000):
        event = chunk({"content": "w"}, logprobs={"content": [probable(n)], "refusal": None})
        fold.feed([data_frame(Kind.DIALECT, json.dumps(event).encode())])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2000 * 2 * size  # as objects several times that
    expected = {"content": [probable(n) for n in range(2000)], "refusal": None}
    assert json.loads(fold.encoded())["choices"][0]["logprobs"] == expected
    plain = DIALECTS["chat"].fold(
        data_frame(Kind.DIALECT, json.dumps(chunk({}, logprobs={"content": [each]})).encode())
        for each in expected["content"] or ()
    )
    assert plain["choices"][0]["logprobs"]["content"] == expected["content"]


def test_what_is_added_to_a_list_copies_nothing_of_it() -> None:
    """Citations and annotations by the thousand: linear, so the list is one and the same."""
    message = DIALECTS["messages"].folding()
    message.take(messages_streams.begin(0, "text", text=""))
    lists = []
    for n in range(50):
        message.take(messages_streams.delta(0, "citations", citation={"n": n}))
        lists.append(message._message.blocks[0].fields["citations"])  # type: ignore[attr-defined]
    assert len({id(each) for each in lists}) == 1
    response = DIALECTS["responses"].folding()
    response.take(responses_streams.created())
    response.take(responses_streams.added(0, **responses_streams.message(0)))
    event = {"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0}
    lists = []
    for n in range(50):
        response.take({**event, "annotation": n})
        part = response._gathered._items[0]["content"][0]  # type: ignore[attr-defined]
        lists.append(part["annotations"])
    assert len({id(each) for each in lists}) == 1
    assert lists[0] == list(range(50))


# ── A whole answer ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_whole_answer_is_given_as_it_came(dialect: str) -> None:
    text = '{"id": "x",  "n": 1e999, "ü": [1.50, "\\u00e9"], "id": "y"}'.encode()
    fold = DIALECTS[dialect].folding()
    fold.feed([data_frame(Kind.NATIVE, b"{}", b"attempt"), data_frame(Kind.WHOLE, text)])
    fold.feed([data_frame(Kind.DIALECT, b'{"choices": []}')])
    assert fold.encoded() == text


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
        (b'{"a":NaN}', {"a": None}),
        (b'{"a":"\\ud83d"}', {"a": "\ud83d"}),
    ],
)
def test_a_whole_answer_that_is_no_strict_json_is_mended(
    dialect: str, text: bytes, mended: dict[str, Any]
) -> None:
    fold = DIALECTS[dialect].folding()
    fold.feed([data_frame(Kind.WHOLE, text)])
    assert json.loads(fold.encoded()) == mended
    assert fold.answer() == mended


# ── Items, against a naive model ───────────────────────────────────────────────────────────

CALLS = st.lists(
    st.fixed_dictionaries({}, optional={"id": st.sampled_from(["", "a", "b", "c"])}), max_size=12
)


def naive_index(calls: list[dict[str, Any]], call: dict[str, Any]) -> int:
    known = {one["index"]: one.get("id") for one in calls}
    if not call.get("id"):
        return next(reversed(known), 0)
    found = [index for index, name in known.items() if name == call["id"]]
    return found[0] if found else max(known, default=-1) + 1


@settings(max_examples=200, derandomize=True, deadline=None)
@given(CALLS)
def test_calls_without_a_place_are_told_apart_by_their_ids(calls: list[dict[str, Any]]) -> None:
    items, model = Items(), list[dict[str, Any]]()
    for call in calls:
        index = items.index_of(call)
        assert index == naive_index(model, call)
        same = items.at(index)
        if same is None:
            same = items.begin(index)
            model.append({"index": index, "id": None})
        (ours,) = (each for each in model if each["index"] == index)
        if call.get("id"):
            old = same.get("id")
            same["id"] = ours["id"] = call["id"]
            items.name(index, old)

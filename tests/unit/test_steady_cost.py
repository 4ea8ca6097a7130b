"""What a frame costs does not grow with what was delivered before it.

Counted in calls, not in seconds: twice the answer takes about twice the calls, fed in or replayed.
"""

import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from broker.dialects.messages.message import Block
from broker.dialects.registry import DIALECTS
from broker.dialects.responses.gathered import Gathered
from broker.frames import Frame, Kind, data_frame

FEW = 100


def calls_of(work: Callable[[], object]) -> int:
    """How many functions it calls, generators each time they go on."""
    count = 0

    def note(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def made(event: dict[str, Any]) -> Frame:
    return data_frame(Kind.DIALECT, msgspec.json.encode(event), event.get("type", "").encode())


def chat_calls(count: int, *, indexed: bool = True) -> list[Frame]:
    """So many tool calls, in two pieces each."""

    def piece(number: int, text: str) -> Frame:
        call: dict[str, Any] = {"id": f"c{number}", "function": {"name": "f", "arguments": text}}
        if indexed:
            call["index"] = number
        return made({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})

    return [piece(number, text) for text in ("{", "}") for number in range(count)]


def message_blocks(count: int) -> list[Frame]:
    found = [made({"type": "message_start", "message": {"id": "m", "content": []}})]
    for index in range(count):
        text = {"type": "text_delta", "text": "a"}
        block = {"type": "text", "text": ""}
        at: dict[str, Any] = {"index": index}
        found.append(made({"type": "content_block_start", **at, "content_block": block}))
        found.append(made({"type": "content_block_delta", **at, "delta": text}))
        found.append(made({"type": "content_block_stop", **at}))
    return found


def response_items(count: int) -> list[Frame]:
    found = []
    for index in range(count):
        item = {"id": f"i{index}", "type": "message", "content": []}
        at: dict[str, Any] = {"output_index": index}
        part = {"type": "output_text", "text": "a", "annotations": []}
        delta = {"type": "response.output_text.delta", **at, "content_index": 0, "delta": "a"}
        found.append(made({"type": "response.output_item.added", **at, "item": item}))
        found.append(made(delta))
        whole = {**item, "content": [part]}
        found.append(made({"type": "response.output_item.done", **at, "item": whole}))
    return found


ANSWERS: list[tuple[str, str, Callable[[int], list[Frame]]]] = [
    ("chat", "tool calls", chat_calls),
    ("chat", "tool calls without an index", lambda count: chat_calls(count, indexed=False)),
    ("messages", "blocks", message_blocks),
    ("responses", "items", response_items),
]


@pytest.mark.parametrize(
    ("name", "answer"), [each[::2] for each in ANSWERS], ids=[each[1] for each in ANSWERS]
)
def test_twice_as_much_takes_twice_the_calls(name: str, answer: Callable[[int], Any]) -> None:
    dialect = DIALECTS[name]

    def fed(frames: list[Frame]) -> int:
        transcript = dialect.transcript()
        return calls_of(lambda: transcript.take(frames))

    def folded(frames: list[Frame]) -> int:
        return calls_of(lambda: dialect.fold(frames))

    def replayed(frames: list[Frame]) -> int:
        joint = dialect.joint(dialect.transcript(frames), "replay", None)

        def replay() -> None:
            for frame in frames:
                joint.join(frame)
            joint.end()

        return calls_of(replay)

    few, many = answer(FEW), answer(2 * FEW)
    for cost in (fed, folded, replayed):
        assert cost(many) <= 2.2 * cost(few), cost.__name__


def test_a_list_that_grows_is_not_copied() -> None:
    block = Block({"type": "text", "text": "", "citations": (given := [{"a": 1}])})
    lists = set()
    for number in range(5):
        block.feed({"type": "citations_delta", "citation": number})
        lists.add(id(block.fields["citations"]))
    assert (len(lists), given) == (1, [{"a": 1}]), "nor is the event's own touched"
    assert block.fields["citations"] == [{"a": 1}, 0, 1, 2, 3, 4]

    gathered = Gathered()
    part = {"type": "output_text", "text": "a", "annotations": [{"a": 1}]}
    item = {"type": "message", "content": [part]}
    gathered.feed({"type": "response.output_item.added", "output_index": 0, "item": item})
    at = {"output_index": 0, "content_index": 0}
    kept = set()
    for number in range(5):
        event = {"type": "response.output_text.annotation.added", **at, "annotation": number}
        gathered.feed(event)
        kept.add(id(gathered.output[0]["content"][0]["annotations"]))
    assert (len(kept), part["annotations"]) == (1, [{"a": 1}])
    assert gathered.output[0]["content"][0]["annotations"] == [{"a": 1}, 0, 1, 2, 3, 4]

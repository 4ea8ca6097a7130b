"""Events of a WebSocket's client, taken apart without decoding what is large in them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.dialects.responses.socket_event import (
    answered,
    body_of,
    items_of,
    joined,
    lane_in,
    parts_of,
    replaced,
)
from broker.errors import BadRequest

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_ITEMS = st.lists(st.dictionaries(st.text(max_size=5), _JSON, max_size=3), max_size=4)


@given(
    _ITEMS, st.dictionaries(st.sampled_from(["tools", "text", "metadata"]), _JSON), st.booleans()
)
def test_a_request_is_the_event_without_its_own_fields(
    items: list[Any], more: dict[str, Any], spaced: bool
) -> None:
    event = {"type": "response.create", "stream_id": "a", "model": "m", "input": items, **more}
    text = json.dumps(event, indent=2 if spaced else None).encode()
    parts = parts_of(text)
    assert (parts.asked.lane, parts.asked.generate, parts.asked.store) == ("a", True, True)
    body = json.loads(body_of(parts.rest, parts.input))
    assert body == {"model": "m", "input": items, **more, "stream": True}
    assert json.loads(b"[%b]" % items_of(parts.input)) == items


@given(_ITEMS, _ITEMS, _ITEMS)
def test_conversations_join(one: list[Any], two: list[Any], three: list[Any]) -> None:
    texts = [items_of(json.dumps(each).encode()) for each in (one, two, three)]
    assert json.loads(b"[%b]" % joined(texts)) == [*one, *two, *three]


@given(st.text())
def test_a_text_is_a_users_message(text: str) -> None:
    (item,) = json.loads(b"[%b]" % items_of(json.dumps(text).encode()))
    assert item == {"type": "message", "role": "user", "content": text}


def test_no_input_stays_none() -> None:
    for given_ in ("", ', "input": null'):
        parts = parts_of(b'{"type":"response.create","model":"m"%b}' % given_.encode())
        assert parts.input == b""
        assert json.loads(body_of(parts.rest, b"")) == {"model": "m", "stream": True}


def test_the_response_before_is_replaced() -> None:
    rest = b'{"model":"m","previous_response_id":"a"}'
    assert json.loads(replaced(rest, None)) == {"model": "m"}
    assert json.loads(replaced(rest, "b")) == {"model": "m", "previous_response_id": "b"}


def test_what_an_answer_leaves() -> None:
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "x"},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": []},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "n", "arguments": "{}"},
    ]
    event = {"type": "response.completed", "response": {"id": "resp_1", "output": output}}
    name, items = answered(json.dumps(event).encode())
    assert name == "resp_1"
    assert json.loads(b"[%b]" % items) == [
        output[1],
        {"type": "message", "role": "assistant", "content": []},
        {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"},
    ]


@given(st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_the_callers_error(data: bytes) -> None:
    with pytest.raises(BadRequest):
        parts_of(data)
    assert lane_in(data) is None


def test_an_errors_lane() -> None:
    assert lane_in(b'{"type":7,"stream_id":"a"}') == "a"
    assert lane_in(b'{"type":7,"stream_id":""}') is None
    assert lane_in(b'{"type":7,"stream_id":["a"]}') is None

"""What the broker itself asks of a chat request."""

from typing import Any

import pytest

from broker.dialects.chat import check
from broker.errors import BadRequest

MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": 1},
        {"n": 128},
        {"n": None},
        {"stream": True},
        {"stream": None},
        {"stream_options": None},
        {"stream_options": {"include_usage": True}},
        {"temperature": "hot", "anything": [1]},
        {"messages": [{}]},
    ],
)
def test_a_request_is_taken(fields: dict[str, Any]) -> None:
    check({"model": "m", "messages": MESSAGES, **fields})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 3}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": {"role": "user"}}, "messages"),
        ({"messages": [*MESSAGES, "hi"]}, "messages[1]"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"n": 1.0}, "n"),
        ({"n": True}, "n"),
        ({"n": "1"}, "n"),
        ({"stream": 1}, "stream"),
        ({"stream": "true"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"stream_options": True}, "stream_options"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check({"model": "m", "messages": MESSAGES, **fields})
    assert caught.value.param == param
    assert f"'{param}'" in caught.value.detail


@pytest.mark.parametrize("param", ["model", "messages"])
def test_a_missing_field_is_named(param: str) -> None:
    request: dict[str, Any] = {"model": "m", "messages": MESSAGES}
    del request[param]
    with pytest.raises(BadRequest) as caught:
        check(request)
    assert caught.value.param == param

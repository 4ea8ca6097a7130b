"""What can't be asked is named at once, each by its path; hints are left out."""

from typing import Any

import pytest

from broker.dialects.neutral.fields import Fields, malformed, unexpressible
from broker.dialects.neutral.refusing import all_at_once, refuse
from broker.dialects.neutral.translation import translate_request
from broker.errors import BadRequest, Unexpressible

BASE: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hi"}],
}


def refused(body: dict[str, Any], provider: str) -> list[str]:
    with pytest.raises(Unexpressible) as caught:
        translate_request(BASE | body, "messages", provider, "m")
    return [loss.path for loss in caught.value.losses]


def test_all_of_a_request_is_named_what_is_read_and_what_is_written() -> None:
    tools = [
        {"name": "f", "input_schema": {"type": "object"}, "news": 1},
        {"name": "g", "type": "web_search_20250305"},
    ]
    body = {"mcp_servers": [{}], "container": "c", "tools": tools, "top_k": 3}
    found = refused(body, "chat")
    assert found == ["tools[0].news", "tools[1].type", "mcp_servers", "container", "top_k"]


def test_what_is_no_request_is_said_only_where_nothing_was_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        translate_request(BASE | {"temperature": "hot"}, "messages", "chat", "m")
    assert not isinstance(caught.value, Unexpressible)
    tools = [{"name": "g", "type": "web_search_20250305"}]
    assert refused({"temperature": "hot", "tools": tools}, "chat") == ["tools[0].type"]


def test_within_another_it_is_that_one_and_of_a_path_the_first_counts() -> None:
    with pytest.raises(Unexpressible) as caught, all_at_once("chat") as outer:  # noqa: PT012
        refuse(unexpressible("a", "first"))
        with all_at_once("messages") as inner:
            assert inner is outer
            refuse(unexpressible("a", "second"))
        raise unexpressible("b")
    assert [(loss.path, loss.reason) for loss in caught.value.losses] == [("a", "first"), ("b", "")]


def test_alone_a_refusal_is_raised_at_once() -> None:
    with pytest.raises(Unexpressible):
        Fields({"x": 1}).close()
    with pytest.raises(BadRequest), all_at_once("chat"):
        raise malformed("x", "y")


def test_how_many_are_noted_is_bounded() -> None:
    fields = {f"news_{number}": 1 for number in range(1000)}
    assert len(refused(fields, "chat")) == 64


def test_a_hint_is_left_out_and_its_like_elsewhere_is_not() -> None:
    tool = {"name": "f", "input_schema": {"type": "object"}}
    plain = translate_request(BASE | {"tools": [tool]}, "messages", "chat", "m")
    hinting = BASE | {"tools": [{**tool, "defer_loading": True}], "diagnostics": {"x": 1}}
    assert translate_request(hinting, "messages", "chat", "m") == plain
    assert refused({"defer_loading": True}, "chat") == ["defer_loading"]

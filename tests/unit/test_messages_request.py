"""A messages request, what is made of its headers, what it costs, where it calls tools."""

from typing import Any

import aiohttp
import pytest
from starlette.datastructures import Headers

from broker.api.inference import with_headers
from broker.dialects.messages import check
from broker.dialects.messages.dialect import MESSAGES
from broker.dialects.messages.usage import estimate, prompt
from broker.errors import BadRequest
from broker.settings import Provider, Secret
from tests.unit.messages_streams import begin, delta, frame
from workers.providers.base import Call
from workers.providers.messages import MessagesProvider

FINE: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user"}]}


def test_what_is_fine() -> None:
    check(FINE)
    check({**FINE, "stream": None, "anthropic_beta": ["a"], "thinking": 7, "unknown": {}})
    check({**FINE, "max_tokens": 0})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", None),
        ("model", ""),
        ("model", "m" * 513),
        ("max_tokens", None),
        ("max_tokens", "9"),
        ("max_tokens", True),
        ("max_tokens", -1),
        ("messages", []),
        ("messages", "hi"),
        ("stream", "yes"),
        ("anthropic_beta", "a"),
        ("anthropic_beta", [1]),
    ],
)
def test_what_is_not(field: str, value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        check({**FINE, field: value})
    assert caught.value.param == field


def test_a_message_that_is_none_is_named() -> None:
    with pytest.raises(BadRequest) as caught:
        check({**FINE, "messages": [{}, "x"]})
    assert caught.value.param == "messages[1]"


def test_the_beta_header_is_part_of_the_request() -> None:
    headers = Headers(raw=[(b"anthropic-beta", b"a, b"), (b"anthropic-beta", b"c,a")])
    assert with_headers(MESSAGES, headers, FINE) == {"anthropic_beta": ["a", "b", "c"]}
    both = with_headers(MESSAGES, headers, {**FINE, "anthropic_beta": ["z"]})
    assert both == {"anthropic_beta": ["z", "a", "b", "c"]}
    assert with_headers(MESSAGES, Headers(), FINE) == {}


async def test_and_a_header_again_to_the_provider() -> None:
    settings = Provider(base_url="http://x/v1/", dialect="messages", headers={"x-org": "o"})
    async with aiohttp.ClientSession() as session:
        provider = MessagesProvider("p", settings, Secret("k \n"), session)
        call = Call("r", "theirs", {**FINE, "anthropic_beta": ["a", "b"]})
        headers = provider._headers(call, True)
        assert provider._body(call, True) == (
            b'{"model":"theirs","max_tokens":9,"messages":[{"role":"user"}],"stream":true}'
        )
    assert headers["anthropic-beta"] == "a,b"
    assert (headers["x-api-key"], headers["anthropic-version"]) == ("k", "2023-06-01")
    assert (headers["x-org"], "authorization" in headers) == ("o", False)


def test_an_estimate_keeps_what_was_said() -> None:
    bare = estimate(prompt(FINE), 9, 2)
    assert bare == {"input_tokens": 5, "output_tokens": 3, "estimated": True}
    said = {"input_tokens": 50, "cache_read_input_tokens": 7, "output_tokens": 1}
    more = {**said, "output_tokens": 40}
    assert estimate(prompt(FINE), 4, 20, more) == {**more, "estimated": True}
    assert estimate(prompt(FINE), 4, 20, said) == {**said, "output_tokens": 20, "estimated": True}
    # As a message begins whose provider counts at the end; and one out of a cache.
    assert estimate(prompt(FINE), 9, 2, {"input_tokens": 0, "output_tokens": 0}) == bare
    cached = {"input_tokens": 0, "cache_read_input_tokens": 9}
    assert estimate(prompt(FINE), 9, 2, cached)["input_tokens"] == 0
    assert said["output_tokens"] == 1
    assert estimate(None, 9, 2)["input_tokens"] == 0, "the request is gone"


@pytest.mark.parametrize(
    ("event", "begins"),
    [
        (begin(0, "tool_use", id="t", name="f"), True),
        (begin(0, "computer_tool_use", id="t", name="f"), True),
        (begin(0, "server_tool_use", id="t", name="f"), False),
        (begin(0, "mcp_tool_use", id="t", name="f"), False),
        (begin(0, "text", text="tool_use"), False),
        (delta(0, "text", text='"type":"tool_use"'), False),
    ],
)
def test_where_a_call_of_the_callers_tools_begins(event: dict[str, Any], begins: bool) -> None:
    assert MESSAGES.begins_call(frame(event)) is begins

"""The short way out, against a server of raw bytes: what takes it, and what it sends."""

import json
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from tests.contract.upstream import (
    CHUNKED,
    EVENTS,
    FRAMES,
    LAST_CHUNK,
    Asker,
    Upstream,
    chunk,
    says,
)
from workers.providers import failures
from workers.providers.posting import LONGEST, Posts

GOOD = says(CHUNKED + chunk(EVENTS) + LAST_CHUNK)


@pytest.fixture
def sent() -> Iterator[list[str]]:
    """The addresses of what went the short way."""
    urls: list[str] = []
    send = Posts.send

    async def noting(posts: Posts, url: str, *more: object) -> object:
        urls.append(url)
        return await send(posts, url, *more)  # type: ignore[arg-type]

    with patch.object(Posts, "send", noting):
        yield urls


async def test_calls_go_the_short_way_over_one_connection(
    upstream: Upstream, asker: Asker, sent: list[str]
) -> None:
    upstream.script = GOOD
    request = {"messages": [{"role": "user", "content": "h\u00e9"}]}
    await asker.ask(request=request)
    asker.frames = []
    assert await asker.ask(request=request) == FRAMES
    assert sent == [f"{upstream.url}/chat/completions"] * 2
    assert upstream.connections == 1
    first, again = upstream.requests
    assert first == again
    line, headers, body = first
    assert line == "POST /v1/chat/completions HTTP/1.1"
    assert f"http://{headers['host']}/v1" == upstream.url
    assert json.loads(body)["messages"] == request["messages"]


async def test_both_ways_say_the_same(upstream: Upstream, asker: Asker, sent: list[str]) -> None:
    upstream.script = GOOD
    await asker.ask(headers={"x-org": "o"})
    with patch.object(Posts, "request", return_value=None):
        await asker.ask(headers={"x-org": "o"})
    assert len(sent) == 1
    short, long = upstream.requests
    assert short == long


async def test_calls_with_the_same_headers_have_their_own_bodies(
    upstream: Upstream, asker: Asker, sent: list[str]
) -> None:
    upstream.script = GOOD
    requests: list[dict[str, object]] = [{"messages": []}, {"messages": ["a" * 99]}]
    for request in requests:
        await asker.ask(request=request)
    await asker.ask(request=requests[0], headers={"x-org": "o"})
    assert len(sent) == 3
    bodies = [json.loads(body)["messages"] for _, _, body in upstream.requests]
    assert bodies == [[], ["a" * 99], []]
    assert [headers.get("x-org") for _, headers, _ in upstream.requests] == [None, None, "o"]


@pytest.mark.parametrize("header", ["a\r\nb: c", "a\nb", "a\rb", "a\0b"])
async def test_a_header_never_ends_early(upstream: Upstream, asker: Asker, header: str) -> None:
    failure = await asker.fail(headers={"x": header})
    assert failure.type == "invalid_request_error"
    assert not upstream.requests


async def test_what_is_not_plain_goes_the_long_way(
    upstream: Upstream, asker: Asker, sent: list[str]
) -> None:
    upstream.script = GOOD
    await asker.ask(request={"messages": [], "x": "a" * LONGEST})
    await asker.ask(headers={"Connection": "close"})
    address = upstream.url.replace("://", "://user:word@")
    await asker.fail(base_url=address)  # beside a key
    assert sent == []
    assert len(upstream.requests) == 2


async def test_a_connection_that_was_reset_is_not_called_again(
    upstream: Upstream, asker: Asker, sent: list[str]
) -> None:
    upstream.script = says(then="reset")
    assert (await asker.fail()).type == "provider_cut"
    assert len(sent) == len(upstream.requests) == 1


async def test_a_large_request_that_is_not_taken_counts_against_nobody(
    upstream: Upstream, asker: Asker
) -> None:
    """Whether the provider is down or won't take so much can't be told; of a small one it can."""
    upstream.script = says(then="reset")
    small = await asker.fail()
    assert (small.type, small.code, failures.word_of(small)) == ("provider_cut", None, "bad")
    large = await asker.fail(request={"messages": [], "x": "a" * LONGEST})
    assert (large.type, large.code) == ("provider_cut", "sending")
    assert failures.word_of(large) == "nothing"

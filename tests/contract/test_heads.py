"""What a request's head alone decides: whether its body is asked for, where it ends, its target."""

import asyncio

import pytest

from tests.contract.left import ASKS, CHAT, CHUNKED, HEALTH, HOST, JOBS, KEY, head, length, post
from tests.contract.raw import TIMEOUT, connected, to_the_end
from tests.deployment import Deployment


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (post(JOBS, length(9), ASKS, key=b""), 401),
        (post(JOBS, length(9), ASKS, key=b"x-api-key: wrong\r\n"), 401),
        (post(JOBS, length(9), ASKS).replace(b"localhost", b"evil.example"), 403),
        (post(JOBS, length(9), ASKS, b"Origin: https://evil.example\r\n"), 403),
        (post(JOBS, length(10**9), ASKS), 413),
        (post(JOBS, length(9), ASKS).replace(b"application/json", b"text/plain"), 415),
        (post(JOBS + b"x", length(9), ASKS), 404),
        (post(JOBS, length(9), ASKS).replace(b"POST", b"PUT"), 405),
        (post(JOBS, length(9), ASKS, KEY), 400),
        (head(b"GET /healthz", length(9), ASKS), 200),
    ],
)
async def test_nobody_is_told_to_go_on_for_nothing(
    deployment: Deployment, asked: bytes, status: int
) -> None:
    async with connected(deployment.urls[0]) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(asked)
        received = await reader.read()
    assert received.startswith(b"HTTP/1.1 %d " % status), received
    assert received.count(b"HTTP/1.1") == 1
    assert b"connection: close" in received


@pytest.mark.parametrize("path", [CHAT, JOBS, b"/v1/messages", b"/v1/responses"])
async def test_whose_body_is_read_is_told_to_go_on(deployment: Deployment, path: bytes) -> None:
    async with connected(deployment.urls[0]) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(post(path, length(2), ASKS, b"Connection: close\r\n"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"[]")
        received = await reader.read()
    assert received.startswith(b"HTTP/1.1 400 "), received


async def test_who_sends_at_once_is_not_told(deployment: Deployment) -> None:
    async with connected(deployment.urls[0]) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(post(JOBS, length(2), ASKS, b"Connection: close\r\n") + b"[]")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "framed",
    [
        post(JOBS, length(2), CHUNKED) + b"2\r\n{}\r\n0\r\n\r\n",
        post(JOBS, CHUNKED, length(2)) + b"2\r\n{}\r\n0\r\n\r\n",
        post(JOBS, length(2), length(9)) + b"{}",
        post(JOBS, b"Content-Length: 2, 9\r\n") + b"{}",
        post(JOBS, CHUNKED, length(2), key=b"") + b"0\r\n\r\n",
    ],
)
async def test_a_request_framed_in_two_ways_is_the_last(
    deployment: Deployment, framed: bytes
) -> None:
    """What stands behind it is nobody's request."""
    async with connected(deployment.urls[0]) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(framed + HEALTH)
        received = await to_the_end(reader)
    assert received.startswith(b"HTTP/1.1 400 "), received
    assert received.count(b"HTTP/1.1") == 1
    assert b"connection: close" in received


@pytest.mark.parametrize("target", [b"http://localhost", b"http://127.0.0.1:1", b"HTTPS://[::1]"])
async def test_a_target_may_be_a_whole_url(deployment: Deployment, target: bytes) -> None:
    line = b"GET " + target + b"/v1/jobs?limit=1 HTTP/1.1\r\nHost: evil.example\r\n"
    async with connected(deployment.urls[0]) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(line + KEY + b"Connection: close\r\n\r\n")
        received = await reader.read()
    assert received.startswith(b"HTTP/1.1 200 "), received


async def test_its_host_is_the_one_that_counts(deployment: Deployment) -> None:
    async with connected(deployment.urls[0]) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(b"GET http://evil.example/v1/jobs HTTP/1.1\r\n" + HOST + KEY + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 403 ")

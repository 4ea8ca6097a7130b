"""A connection in every state that a client can leave it in: it ends, and nobody else waits.

What a test waits for is the end of the connection; without a deadline it would never come.
"""

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from rig.cluster import until
from tests.contract.conftest import ALICE
from tests.contract.left import CHAT, HEALTH, JOBS, LEFT, Left, head, length, post
from tests.contract.raw import TIMEOUT, connected, fetch, to_the_end
from tests.deployment import Deployment, account, ask

SHORT = 0.4  # seconds that any state may last
CONFIG = f"""
[server]
head_timeout = {SHORT}
body_timeout = {SHORT}
body_rate = 1_000_000.0
keep_alive = {SHORT}
send_timeout = {SHORT}
ping = {SHORT}
socket_time = {2 * SHORT}
max_body = 200_000

{account("alice", ALICE)}
"""


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Its end is a test, too: with connections in every state it is as clean as without."""
    deployment = Deployment(tmp_path_factory.mktemp("hasty"), config=CONFIG)
    yield deployment
    parts = urlsplit(deployment.urls[0])
    with ExitStack() as stack:
        for left in LEFT.values():
            client = socket.create_connection((parts.hostname, parts.port))
            stack.enter_context(client).sendall(left.sent)
        deployment.close()


async def _drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    while piece:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(SHORT / 20)  # a rate, not a wait


async def _others_are_served(deployment: Deployment) -> None:
    async def served() -> bool:
        try:
            response, body = await fetch("GET", f"{deployment.urls[0]}/healthz")
        except (asyncio.IncompleteReadError, ConnectionError):  # we were too slow ourselves
            return False
        assert (response.status, body) == (200, b'{"status":"ok"}')
        return True

    await until(served, TIMEOUT)


async def _counted(deployment: Deployment) -> dict[str, float]:
    """How many connections were ended, by the reason."""
    _, page = await fetch("GET", f"{deployment.urls[0]}/metrics")
    name = r'streamhold_cut_connections_total{reason="(\w+)"} (\S+)'
    return {reason: float(count) for reason, count in re.findall(name, page.decode())}


async def _leave(deployment: Deployment, left: Left) -> bytes:
    """Leave a connection so, and see it end: what came until then."""
    async with connected(deployment.urls[0]) as (reader, writer):
        writer.write(left.sent)
        dripping = asyncio.ensure_future(_drip(writer, left.drip))
        try:
            await _others_are_served(deployment)
            async with asyncio.timeout(TIMEOUT):
                received = await to_the_end(reader)
        finally:
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
    return received


def _check(received: bytes, expected: tuple[int, ...]) -> None:
    statuses = tuple(map(int, re.findall(rb"HTTP/1\.1 (\d+) ", received)))
    assert statuses == expected, received
    assert received.count(b"x-request-id: ") == sum(
        status >= 200 or status == 101 for status in statuses
    )


@pytest.mark.parametrize("what", LEFT)
async def test_a_connection_that_is_left(hasty: Deployment, what: str) -> None:
    _check(await _leave(hasty, LEFT[what]), LEFT[what].statuses)


async def test_nothing_stays_of_them(hasty: Deployment) -> None:
    """All of them at once, several times each."""
    before = hasty.open_files("api-0")
    await asyncio.gather(*(_leave(hasty, left) for left in [*LEFT.values()] * 3))
    await until(lambda: hasty.open_files("api-0") <= before, TIMEOUT)


@pytest.mark.parametrize(
    ("more", "statuses"),
    [
        (b"", (200,)),
        (b"GET /hea", (200, 408)),
        (b"\x00garbage\r\n\r\n", (200, 400)),
        (HEALTH, (200, 200)),
        (HEALTH + b"G", (200, 200, 408)),
        (post(JOBS, length(9)), (200, 408)),
    ],
)
async def test_a_connection_that_a_stream_gives_back(
    hasty: Deployment, more: bytes, statuses: tuple[int, ...]
) -> None:
    call = {**ask("sim/tokens=40,interval=20ms", "given back"), "stream": True}
    body = json.dumps(call).encode()
    async with connected(hasty.urls[0]) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(post(CHAT, length(len(body))) + body)
        received = await reader.readuntil(b"\nid: 35\n")  # it was taken by now
        writer.write(more)
        received += await to_the_end(reader)
    assert b"[DONE]" in received
    _check(received, statuses)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        (CHAT, b'{"error":{"message":'),
        (b"/v1/responses", b'{"error":{"message":'),
        (b"/v1/messages", b'{"type":"error","error":{'),
        (JOBS, b'"code":"request_timeout"'),
    ],
)
@pytest.mark.parametrize("part", ["head", "body"])
async def test_lateness_has_the_shape_of_its_surface(
    hasty: Deployment, path: bytes, shape: bytes, part: str
) -> None:
    sent = post(path, length(9))
    async with connected(hasty.urls[0]) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(sent if part == "body" else sent[:-2])
        received = await reader.read()
    assert received.startswith(b"HTTP/1.1 408 "), received
    assert received.lower().count(b"connection: close") == 1
    assert shape in received


async def test_a_client_that_takes_nothing(hasty: Deployment) -> None:
    """Its answers fill what there is between us; then its connection is cut off."""
    before = (await _counted(hasty)).get("stalled", 0)

    async def cut() -> bool:
        await _others_are_served(hasty)
        return (await _counted(hasty)).get("stalled", 0) > before

    async with connected(hasty.urls[0]) as (reader, writer):
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(head(b"GET /openapi.json") * 500)
        await until(cut, TIMEOUT)


async def test_a_refusal_arrives_before_its_body_is_sent(hasty: Deployment) -> None:
    """Closed at once with unread bytes, a connection is reset, and the answer lost."""
    sent = post(JOBS, length(1_000_000), key=b"")
    async with connected(hasty.urls[0]) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(sent)
        received = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"x" * 1_000_000)
        received += await to_the_end(reader)
    assert received.startswith(b"HTTP/1.1 401 ")
    assert received.endswith(b'"code":"invalid_api_key"}')
    assert b"connection: close" in received


async def test_what_was_late_is_counted(hasty: Deployment) -> None:
    before = await _counted(hasty)
    for sent in (b"GET /", post(JOBS, length(9))):
        async with connected(hasty.urls[0]) as (reader, writer), asyncio.timeout(TIMEOUT):
            writer.write(sent)
            await reader.read()
    after = await _counted(hasty)
    for reason in ("head", "body"):
        assert after[reason] > before.get(reason, 0)

"""At the limit of open files: who gives way, who is refused, and that it is known."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from rig.cluster import until
from tests.contract.conftest import ALICE
from tests.contract.left import JOBS, length, post
from tests.contract.raw import TIMEOUT, connected, fetch
from tests.deployment import Deployment, account

FILES = 160  # of each process
MANY = 200
CONFIG = f"""
[server]
head_timeout = 600
body_timeout = 600

{account("alice", ALICE)}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("small")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nulimit -n {FILES}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    deployment = Deployment(folder, config=CONFIG, python=str(python))
    yield deployment
    deployment.close()


@asynccontextmanager
async def many(deployment: Deployment, sent: bytes) -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many connections, each of which has sent this."""
    readers: list[asyncio.StreamReader] = []
    async with AsyncExitStack() as stack:
        for _ in range(MANY):
            reader, writer = await stack.enter_async_context(connected(deployment.urls[0]))
            writer.write(sent)
            readers.append(reader)
        yield readers


async def healthy(deployment: Deployment) -> bool:
    """Whether another client is served; a connection that is refused may be cut at once."""
    try:
        response, _ = await fetch("GET", f"{deployment.urls[0]}/healthz")
    except (ConnectionError, asyncio.IncompleteReadError):
        return False
    return response.status == 200


async def counted(deployment: Deployment, reason: str) -> float:
    _, page = await fetch("GET", f"{deployment.urls[0]}/metrics")
    name = rf'streamhold_cut_connections_total{{reason="{reason}"}} (\S+)'
    return sum(map(float, re.findall(name, page.decode())))


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT"])
async def test_those_that_wait_give_way(small: Deployment, sent: bytes) -> None:
    before = await counted(small, "crowded")
    async with many(small, sent):
        for _ in range(20):
            assert await healthy(small)
        assert small.open_files("api-0") < FILES
    assert await counted(small, "crowded") > before
    (line, *_) = (line for line in small.up.events() if line["event"] == "connections.crowded")
    assert (line["level"], line["files"]) == ("warning", FILES)


async def test_else_new_ones_are_refused_until_there_is_room(small: Deployment) -> None:
    busy = post(JOBS, length(9))
    async with many(small, busy) as readers, asyncio.timeout(TIMEOUT):
        ended = asyncio.ensure_future(readers[-1].read())
        await asyncio.wait([ended])
        refusal = b"" if ended.exception() is not None else ended.result()
        assert refusal == b"" or refusal.startswith(b"HTTP/1.1 503 "), refusal
        assert not await healthy(small)
        assert small.open_files("api-0") < FILES
    await until(lambda: healthy(small), TIMEOUT)
    assert await counted(small, "refused") > 0


async def test_a_refusal_says_why(small: Deployment) -> None:
    """One connection more than there is room for, and not one more."""
    busy = post(JOBS, length(9))
    async with AsyncExitStack() as stack, asyncio.timeout(TIMEOUT):
        for _ in range(MANY):
            reader, writer = await stack.enter_async_context(connected(small.urls[0]))
            writer.write(busy)
            read = asyncio.ensure_future(reader.read())
            await healthy(small)
            if read.done():
                break
            read.cancel()
        received = await read
    assert received.startswith(b"HTTP/1.1 503 "), received
    assert b"retry-after: 1" in received
    assert b'"code":"too_many_connections"' in received

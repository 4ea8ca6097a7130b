"""Clients that take nothing: what they cost, and how each kind of answer to them ends.

Long answers here are read by nobody. What one such reader holds must not grow with its stream.
"""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from rig.cluster import until
from tests.contract.conftest import ALICE
from tests.deployment import Deployment, account, ask

SEND_TIMEOUT = 1.0  # seconds
TOKENS = 60_000
LONG = f"sim/tokens={TOKENS},interval=0,batch=1000"
CONFIG = f"""
[server]
send_timeout = {SEND_TIMEOUT}
ping = 0.5

[accounts]
{account("alice", ALICE)}
"""
PATIENT = CONFIG.replace(f"send_timeout = {SEND_TIMEOUT}", "send_timeout = 600")
KEY = {"x-api-key": ALICE}
READERS = 20
MOST = 1024  # KB that a reader who takes nothing may cost
TIMEOUT = 60.0  # seconds for any one step


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Cuts early."""
    deployment = Deployment(tmp_path_factory.mktemp("strict"), config=CONFIG)
    yield deployment
    deployment.close()


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Cuts nobody while a test runs."""
    deployment = Deployment(tmp_path_factory.mktemp("patient"), config=PATIENT)
    yield deployment
    deployment.close()


@asynccontextmanager
async def session(deployment: Deployment) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with aiohttp.ClientSession(deployment.urls[0], headers=KEY, timeout=timeout) as api:
        yield api


async def answered(deployment: Deployment, path: str, **call: object) -> str:
    """Make a call and take its answer; the request id."""
    async with session(deployment) as api, api.post(path, json=call) as response:
        await response.read()
        assert response.status == 200
        return response.headers["x-request-id"]


async def told(deployment: Deployment, model: str = LONG) -> str:
    """The request id of a completed chat job."""
    return await answered(deployment, "/v1/chat/completions", **ask(model, secrets.token_hex(4)))


class Stalled:
    """A client that sends one call, or many, and reads nothing until it is asked to."""

    def __init__(self, url: str, calls: bytes) -> None:
        parts = urlsplit(url)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect((parts.hostname, parts.port))
        self.socket.setblocking(False)
        self._calls = calls

    async def send(self) -> None:
        """Send the calls, as far as the server takes them."""
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):  # it may be cut before it has taken them all
            async with asyncio.timeout(TIMEOUT):
                await loop.sock_sendall(self.socket, self._calls)

    async def cut(self) -> bytes:
        """What is there to be read once the server has cut the connection; fails if it does not."""
        loop = asyncio.get_running_loop()
        await until(self._is_reset, TIMEOUT)
        found = b""
        try:
            while piece := await loop.sock_recv(self.socket, 65536):
                found += piece
        except ConnectionError:
            return found
        raise AssertionError("it was closed as if all had been sent")

    def _is_reset(self) -> bool:
        """Whether the connection is no more, which can be seen without reading from it."""
        state = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return state == 7  # TCP_CLOSE

    def close(self) -> None:
        self.socket.close()


def request(method: str, path: str, body: object = None) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {ALICE}\r\n"
    if data:
        head += f"content-type: application/json\r\ncontent-length: {len(data)}\r\n"
    return f"{head}\r\n".encode() + data


LARGE = {"messages": [{"role": "user", "content": "x"}], "model": LONG}
KINDS = {
    "a stream": request("POST", "/v1/chat/completions", {**LARGE, "stream": True}),
    "a stream that is resumed": b"GET EVENTS",
    "a whole answer": request("POST", "/v1/chat/completions", LARGE),
    "a result": b"GET RESULT",
    # Small answers, as many as fill every buffer on the way.
    "listings": request("GET", "/v1/jobs?limit=100") * 30_000,
    "metrics": request("GET", "/metrics") * 3000,
    "descriptions": request("GET", "/openapi.json") * 1000,
    "errors": request("GET", "/v1/nothing") * 60_000,
}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_answer_is_cut_that_nobody_takes(strict: Deployment, kind: str) -> None:
    calls = KINDS[kind]
    if calls.startswith((b"GET EVENTS", b"GET RESULT")):
        name = calls[4:].decode().lower()
        calls = request("GET", f"/v1/jobs/{await told(strict)}/{name}")
    client = Stalled(strict.urls[0], calls)
    sending = asyncio.create_task(client.send())
    try:
        await client.cut()
        async with session(strict) as api, api.get("/healthz") as response:
            assert response.status == 200
    finally:
        sending.cancel()
        client.close()


async def test_who_takes_a_little_now_and_then_is_not_cut(strict: Deployment) -> None:
    """Far slower than the answer comes, for several times as long as one may take nothing."""
    name = await told(strict)
    client = Stalled(strict.urls[0], request("GET", f"/v1/jobs/{name}/result"))
    loop = asyncio.get_running_loop()
    try:
        await client.send()
        end = loop.time() + 4 * SEND_TIMEOUT
        while loop.time() < end:  # a fifth of the time that it has, between two pieces
            assert await loop.sock_recv(client.socket, 4096)
            await asyncio.sleep(SEND_TIMEOUT / 5)
        found = b""
        async with asyncio.timeout(TIMEOUT):
            while not found.endswith(b"}"):
                piece = await loop.sock_recv(client.socket, 65536)
                assert piece, "it was cut"
                found = found[-10:] + piece
    finally:
        client.close()


def memory(deployment: Deployment) -> int:
    """KB that the API process has in memory."""
    lines = Path(f"/proc/{deployment.pids['api-0']}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1])


async def stuck(deployment: Deployment, readers: int) -> None:
    """Return once so many readers are there, and the API process has nothing left to do."""
    async with session(deployment) as api, asyncio.timeout(TIMEOUT):
        sent = -1.0
        while True:
            async with api.get("/metrics") as response:
                lines = (line.split() for line in (await response.text()).splitlines())
            seen = {line[0]: float(line[1]) for line in lines if len(line) == 2}
            now = seen["streamhold_sent_bytes_total"]
            if seen["streamhold_readers"] >= readers and now == sent:
                return
            sent = now
            await asyncio.sleep(0.3)


@pytest.mark.parametrize("live", [False, True])
async def test_a_reader_that_takes_nothing_costs_no_more_than_its_place(
    patient: Deployment, live: bool
) -> None:
    """It holds a part of a page and what is on its way, of a stream of 20 MB."""
    name = secrets.token_hex(4)
    if not live:
        name = await told(patient)
    await told(patient, "sim/tokens=2000,interval=0,batch=100")  # what is made once is made
    before = memory(patient)
    if live:
        async with session(patient) as api:
            job = {"request_id": name, "dialect": "chat", "request": ask(LONG, name)}
            async with api.post("/v1/jobs", json=job) as response:
                assert response.status == 202
    calls = request("GET", f"/v1/jobs/{name}/events")
    clients = [Stalled(patient.urls[0], calls) for _ in range(READERS)]
    try:
        for client in clients:
            await client.send()
        await stuck(patient, READERS)
        assert memory(patient) - before < READERS * MOST
    finally:
        for client in clients:
            client.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
        ("/v1/messages", {"max_tokens": TOKENS, "messages": [{"role": "user", "content": "x"}]}),
        ("/v1/responses", {"input": "x"}),
    ],
)
async def test_others_are_answered_while_a_long_answer_is_put_together(
    patient: Deployment, path: str, body: dict[str, object]
) -> None:
    """A hundred times and more: each turn of the loop lets them come in between."""
    name = await answered(patient, path, model=LONG, **body)
    before = memory(patient)
    count = 0
    async with session(patient) as api:
        folding = asyncio.create_task(_result(api, name))
        while not folding.done():
            async with api.get("/healthz") as response:
                assert response.status == 200
            count += 1
        answer = await folding
    assert count > 30
    assert len(answer) > 4 * TOKENS
    assert memory(patient) - before < 40 * 1024
    async with session(patient) as api, api.get(f"/v1/jobs/{name}/result") as response:
        assert await response.read() == answer


async def _result(api: aiohttp.ClientSession, name: str) -> bytes:
    async with api.get(f"/v1/jobs/{name}/result") as response:
        assert response.status == 200
        return await response.read()

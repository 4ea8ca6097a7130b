"""The committed nginx.conf under Debian's nginx, in front of two small SSE servers.

Nothing here waits for time to pass: an upstream writes its next event only when the test
has read the last one through the proxy, so a proxy that buffered would hang, not lag.
"""

import asyncio
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from broker.cli.deployment import find_ports
from tests.conftest import require
from tests.contract.nginx import Http2, Proxy

EVENTS = "/v1/jobs/r1/events"
RESULT = "/v1/jobs/r1/result"
CHAT = "/v1/chat/completions"
RETRY = "/v1/jobs/r1/retry"
ONCE = (RETRY, "/v1/embeddings", "/v1/completions", "/v1/responses/compact")  # each is paid


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tls.crt and tls.key, self-signed."""
    folder = tmp_path_factory.mktemp("certs")
    words = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    command = [str(require("openssl")), "req", "-x509", *words, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
async def proxy(certificate: Path, tmp_path: Path) -> AsyncIterator[Proxy]:
    require("nginx")
    for name in ("tls.crt", "tls.key"):
        shutil.copy(certificate / name, tmp_path)
    first, second = find_ports("127.0.0.1", 0, 2)
    proxy = Proxy(tmp_path, (first, second))
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def read_event(response: aiohttp.ClientResponse) -> bytes:
    return await response.content.readuntil(b"\n\n")


async def test_events_arrive_one_by_one(proxy: Proxy, http: aiohttp.ClientSession) -> None:
    async with http.get(proxy.url + EVENTS, headers={"Last-Event-ID": "41"}) as response:
        stream = await proxy.opened.get()
        for number in range(42, 47):
            await stream.send(number)
            assert await read_event(response) == b"id: %d\ndata: {}\n\n" % number
        stream.finished.set()
        assert await response.content.read() == b""
    assert stream.request.headers["last-event-id"] == "41"
    assert stream.request.headers["host"] == f"127.0.0.1:{proxy.port}"
    assert stream.request.version == aiohttp.HttpVersion11


async def test_a_stream_cut_above_is_cut_below(proxy: Proxy, http: aiohttp.ClientSession) -> None:
    async with http.get(proxy.url + EVENTS) as response:
        stream = await proxy.opened.get()
        await stream.send(1)
        await read_event(response)
        stream.cut()
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.content.read()


async def test_a_reader_that_leaves_is_let_go(proxy: Proxy, http: aiohttp.ClientSession) -> None:
    response = await http.get(proxy.url + EVENTS)
    stream = await proxy.opened.get()
    response.close()
    await stream.left.wait()


async def test_the_process_with_fewer_streams_is_next(
    proxy: Proxy, http: aiohttp.ClientSession
) -> None:
    held, other = await http.get(proxy.url + EVENTS), await http.get(proxy.url + EVENTS)
    busy, free = await proxy.opened.get(), await proxy.opened.get()
    assert busy.upstream is not free.upstream
    responses = {id(busy): held, id(free): other}
    for _ in range(3):  # taking turns would meet the busy one
        free.finished.set()
        await responses[id(free)].content.read()
        response = await http.get(proxy.url + EVENTS)
        again = await proxy.opened.get()
        assert again.upstream is free.upstream
        free = again
        responses[id(free)] = response
    for response in responses.values():
        response.close()


async def test_a_dead_process_is_skipped(proxy: Proxy, http: aiohttp.ClientSession) -> None:
    dead, alive = proxy.upstreams
    await dead.stop()
    for method in ("GET", "POST", "DELETE"):
        for _ in range(4):
            async with http.request(method, f"{proxy.url}/v1/jobs/r1") as response:
                assert await response.json() == {"port": alive.port}


POSTS = (
    CHAT,
    "/v1/responses",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/jobs",
    "/v1/jobs/r1/cancel",
    "/v1/jobs/r1/tickets",
    "/v1/responses/resp_1/cancel",
    "/v1/what-comes-later",
)


@pytest.mark.parametrize("path", [*POSTS, *ONCE])
async def test_a_post_passes_over_a_draining_process(
    proxy: Proxy, http: aiohttp.ClientSession, path: str
) -> None:
    draining, alive = proxy.upstreams
    draining.status = 503
    for _ in range(4):
        async with http.post(proxy.url + path, json={"a": 1}) as response:
            assert await response.json() == {"port": alive.port}
    assert all([await request.json() == {"a": 1} for request in alive.requests])


@pytest.mark.parametrize("path", [*POSTS, *ONCE])
async def test_a_post_passes_over_a_dead_process(
    proxy: Proxy, http: aiohttp.ClientSession, path: str
) -> None:
    dead, alive = proxy.upstreams
    await dead.stop()
    for _ in range(4):
        async with http.post(proxy.url + path, json={"a": 1}) as response:
            assert await response.json() == {"port": alive.port}
    assert len(alive.requests) == 4


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("key", ["mine", None])
async def test_a_post_without_an_answer_is_repeated_under_its_name(
    proxy: Proxy, http: aiohttp.ClientSession, path: str, key: str | None
) -> None:
    """The caller's key stays the caller's, and none is made up for who has none."""
    headers = {"X-Streamhold-Request-Id": "the-callers-own"}
    if key:
        headers["Idempotency-Key"] = key
    for upstream in proxy.upstreams:
        upstream.dies = True
    async with http.post(proxy.url + path, json={"a": 1}, headers=headers) as response:
        assert response.status == 503
    [one], [two] = (upstream.requests for upstream in proxy.upstreams)
    assert one.headers.getall("idempotency-key", []) == ([key] if key else [])
    assert one.headers.getall("idempotency-key", []) == two.headers.getall("idempotency-key", [])
    [name] = one.headers.getall("x-streamhold-request-id")
    assert re.fullmatch(r"req_[0-9a-f]{32}", name)
    assert two.headers.getall("x-streamhold-request-id") == [name]
    assert await one.json() == await two.json() == {"a": 1}


async def test_each_call_has_a_name_of_its_own(proxy: Proxy, http: aiohttp.ClientSession) -> None:
    for _ in range(2):
        async with http.post(proxy.url + CHAT, json={}) as response:
            assert response.status == 200
    asked = [request for upstream in proxy.upstreams for request in upstream.requests]
    assert len({request.headers["x-streamhold-request-id"] for request in asked}) == 2


@pytest.mark.parametrize("path", ONCE)
async def test_a_retry_that_was_sent_is_not_sent_again(
    proxy: Proxy, http: aiohttp.ClientSession, path: str
) -> None:
    for upstream in proxy.upstreams:
        upstream.dies = True
    async with http.post(proxy.url + path) as response:
        assert response.status == 503
        assert response.headers["retry-after"] == "1"
    assert sum(len(upstream.requests) for upstream in proxy.upstreams) == 1


@pytest.mark.parametrize("path", ONCE)
async def test_a_retry_is_not_sent_again_by_way_of_a_draining_process(
    proxy: Proxy, http: aiohttp.ClientSession, path: str
) -> None:
    """One answers 503, the other takes the call and dies: it may have done it."""
    draining, dying = proxy.upstreams
    draining.status = 503
    dying.dies = True
    for number in range(1, 4):
        async with http.post(proxy.url + path) as response:
            assert response.status == 503
        assert len(dying.requests) == number


async def test_an_upgrade_is_handed_on(proxy: Proxy, http: aiohttp.ClientSession) -> None:
    for upgrade in ("websocket", ""):
        headers = {"upgrade": upgrade, "connection": "upgrade"} if upgrade else {}
        async with http.get(f"{proxy.url}/v1/responses", headers=headers) as response:
            assert response.status == 200
        (request,) = [each for upstream in proxy.upstreams for each in upstream.requests]
        assert request.headers.get("upgrade", "") == upgrade
        assert request.headers["connection"] == ("upgrade" if upgrade else "close")
        for upstream in proxy.upstreams:
            upstream.requests.clear()


async def test_with_no_process_left_callers_are_told_to_come_back(
    proxy: Proxy, http: aiohttp.ClientSession
) -> None:
    for upstream in proxy.upstreams:
        await upstream.stop()
    async with http.get(proxy.url + EVENTS) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        assert (await response.text()).startswith("event: retry\nretry: 1000\ndata: {")
    for path in (*POSTS, *ONCE):
        async with http.post(proxy.url + path, json={}) as response:
            assert (response.status, response.headers["retry-after"]) == (503, "1")
            assert (await response.json())["error"]["type"] == "server_error"


async def test_readers_come_back_while_every_process_drains(
    proxy: Proxy, http: aiohttp.ClientSession
) -> None:
    for upstream in proxy.upstreams:
        upstream.status = 503
    async with http.get(proxy.url + EVENTS) as response:
        assert response.status == 200
        assert (await response.text()).startswith("event: retry\nretry: 1000\ndata: {")
    async with http.get(f"{proxy.url}{EVENTS}?view=dialect") as response:  # an SDK's
        assert (response.status, response.headers["retry-after"]) == (503, "1")
    proxy.upstreams[0].status = 404
    async with http.get(proxy.url + EVENTS) as response:
        assert response.status == 404


async def test_no_log_has_a_ticket(proxy: Proxy, http: aiohttp.ClientSession) -> None:
    """Whatever goes wrong above; an address of no secret shows that errors are logged at all."""
    ticket = "?ticket=a-secret"
    async with http.get(proxy.url + EVENTS + ticket) as response:
        stream = await proxy.opened.get()
        await stream.send(1)
        await read_event(response)
        stream.cut()
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.content.read()
    for upstream in proxy.upstreams:
        upstream.dies = True
    for path in (EVENTS + ticket, RESULT + ticket, "/v1/jobs/r1?plain"):
        async with http.get(proxy.url + path) as response:
            assert response.headers["access-control-allow-origin"] == "*"
    access, errors = (log.read_text() for log in proxy.logs)
    assert EVENTS in access
    assert "/v1/jobs/r1?plain" in errors
    assert "secret" not in access + errors


async def test_a_503_of_both_passes_and_takes_nobody_out(
    proxy: Proxy, http: aiohttp.ClientSession
) -> None:
    for upstream in proxy.upstreams:
        upstream.status = 503
    for _ in range(2):
        async with http.get(f"{proxy.url}/v1/jobs/r1") as response:
            assert response.status == 503
            assert "port" in await response.json()
    proxy.upstreams[0].status = 200
    async with http.get(f"{proxy.url}/v1/jobs/r1") as response:
        assert response.status == 200


async def test_browsers_get_http2(proxy: Proxy) -> None:
    context = ssl.create_default_context(cafile=str(proxy.conf.with_name("tls.crt")))
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", proxy.tls_port, ssl=context, server_hostname="localhost"
    )
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
    client = Http2(reader, writer)
    asked = asyncio.create_task(client.get(EVENTS, "streamhold.example", **{"last-event-id": "7"}))
    stream = await proxy.opened.get()
    assert stream.request.headers["last-event-id"] == "7"
    assert stream.request.headers["host"] == "streamhold.example"
    assert stream.request.headers["x-forwarded-proto"] == "https"
    await stream.send(8)
    assert (await asked)[":status"] == "200"
    for number in (8, 9, 10):
        if number > 8:
            await stream.send(number)
        assert await client.data() == b"id: %d\ndata: {}\n\n" % number
    writer.close()
    await writer.wait_closed()
    await stream.left.wait()

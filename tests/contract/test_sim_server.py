"""The simulated provider over a real socket, with a bare client and the official SDK."""

import asyncio
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from sim.answer import compose
from sim.behaviour import parse
from sim.calls import Calls
from sim.render import script
from sim.request import decode
from sim.server import SimServer, start

NOTICED = 0.25  # seconds; an abort is noticed in about a millisecond


@pytest.fixture
async def server() -> AsyncIterator[SimServer]:
    server = await start()
    yield server
    await server.close()


@pytest.fixture
async def http(server: SimServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        yield session


@pytest.fixture
async def sdk(server: SimServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.base_url, api_key="sk-test", max_retries=0) as client:
        yield client


def ask(model: str, prompt: str = "hello", **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": model, "messages": messages, "stream": True, **fields}


def user(prompt: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": prompt}]


def post(http: aiohttp.ClientSession, body: Any, **more: Any) -> Any:
    return http.post("/v1/chat/completions", json=body, **more)


async def until(server: SimServer, condition: Callable[[Calls], bool]) -> None:
    async with asyncio.timeout(NOTICED):
        await server.calls.until(condition)


async def read_until_broken(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    try:
        async for piece in response.content.iter_any():
            body += piece
    except aiohttp.ClientPayloadError:
        return body
    pytest.fail("the body ended cleanly")


# ── healthy answers ────────────────────────────────────────────────────────────────────


async def test_the_sdk_streams_what_it_gets_whole(sdk: AsyncOpenAI) -> None:
    whole = await sdk.chat.completions.create(model="tokens=9,interval=0", messages=user("x"))
    text, finish, usage = "", None, None
    async for chunk in await sdk.chat.completions.create(
        model="tokens=9,interval=0",
        messages=user("x"),
        stream=True,
        stream_options={"include_usage": True},
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    assert text == whole.choices[0].message.content
    assert finish == "stop"
    assert usage == whole.usage
    assert usage is not None
    assert usage.completion_tokens == 9


async def test_the_sdk_takes_choices_tools_and_comments(sdk: AsyncOpenAI) -> None:
    async with sdk.chat.completions.stream(
        model="tokens=9,interval=0,comments=1,crlf,obfuscation", messages=user("x"), n=2
    ) as stream:
        final = await stream.get_final_completion()
    texts = [choice.message.content for choice in final.choices]
    assert len(texts) == 2
    assert texts[0] != texts[1]
    async with sdk.chat.completions.stream(
        model="tokens=9,interval=0,parallel=2", messages=user("x")
    ) as stream:
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert [list(json.loads(call.function.arguments)) for call in calls] == [["query"]] * 2


@pytest.mark.parametrize("cut", ["batch=1", "batch=4", "batch=100", "split=7"])
async def test_a_stream_arrives_whole_however_it_is_cut(
    http: aiohttp.ClientSession, cut: str
) -> None:
    body = ask(f"tokens=20,interval=0,{cut}")
    asked = decode(json.dumps(body).encode())
    behaviour = parse(asked.model)
    made = script(compose(asked, behaviour, 1), asked, behaviour)
    async with post(http, body) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert await response.read() == b"".join((made.opening, *made.deltas, made.closing))


async def test_tokens_keep_their_pace(http: aiohttp.ClientSession) -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with post(http, ask("tokens=5,interval=20ms,ttft=50ms")) as response:
        headers = loop.time() - begin
        await response.content.readany()
        first = loop.time() - begin
        await response.read()
        last = loop.time() - begin
    assert headers < 0.045  # not held back until the first byte
    assert first >= 0.045
    assert last >= 0.125


async def test_a_stream_can_be_refused_whole(http: aiohttp.ClientSession) -> None:
    async with post(http, ask("nostream,tokens=2,interval=0")) as response:
        assert response.content_type == "application/json"
        assert (await response.json())["object"] == "chat.completion"


async def test_a_big_body_and_a_big_chunk(http: aiohttp.ClientSession) -> None:
    body = io.BytesIO(json.dumps(ask("tokens=1,bigchunk=3000000", "x" * 3_000_000)).encode())
    async with http.post("/v1/chat/completions", data=body) as response:
        assert len(await response.read()) > 3_000_000


# ── refusals and faults ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stream", [True, False])
async def test_a_status_with_retry_after(http: aiohttp.ClientSession, stream: bool) -> None:
    async with post(http, ask("status=429,retryafter=2", stream=stream)) as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "2"
        assert (await response.json())["error"]["code"] == "rate_limit_exceeded"


async def test_the_sdk_knows_the_refusals(server: SimServer, sdk: AsyncOpenAI) -> None:
    create = sdk.chat.completions.create
    with pytest.raises(openai.NotFoundError, match="'tokns'") as missing:
        await create(model="tokns=1", messages=user("x"))
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.InternalServerError):
        await create(model="status=503", messages=user("x"))
    with pytest.raises(openai.AuthenticationError):
        await sdk.with_options(api_key="sk-bad").chat.completions.create(
            model="default", messages=user("x")
        )
    assert server.calls.total == 3


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model":"default"}'])
async def test_a_malformed_body(http: aiohttp.ClientSession, body: bytes) -> None:
    async with http.post("/v1/chat/completions", data=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]["type"] == "invalid_request_error"


async def test_a_cut_comes_after_so_many_chunks(
    server: SimServer, http: aiohttp.ClientSession
) -> None:
    async with post(http, ask("tokens=500,interval=0,dropafter=300")) as response:
        body = await read_until_broken(response)
    assert body.count(b"data: ") == 301
    assert body.endswith(b"\n\n")
    assert server.calls.snapshot()["aborted"] == 0


async def test_a_connection_cut_without_an_answer(
    server: SimServer, http: aiohttp.ClientSession
) -> None:
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await post(http, ask("drop"))
    await until(server, lambda calls: calls.active == 0)
    assert server.calls.aborted == 0


async def test_a_clean_but_early_end(http: aiohttp.ClientSession) -> None:
    async with post(http, ask("tokens=9,interval=0,eofafter=3")) as response:
        body = await response.read()
    assert body.count(b"data: ") == 4
    assert b'"finish_reason":"' not in body
    assert b"[DONE]" not in body


async def test_an_error_in_the_stream(sdk: AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(
        model="tokens=9,interval=0,errorafter=3", messages=user("x"), stream=True
    )
    with pytest.raises(openai.APIError, match="on purpose"):
        async for _ in stream:
            pass


async def test_broken_json_in_the_stream(sdk: AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(
        model="tokens=9,interval=0,garbleafter=3", messages=user("x"), stream=True
    )
    with pytest.raises(json.JSONDecodeError):
        async for _ in stream:
            pass


async def test_a_web_page_instead_of_an_answer(http: aiohttp.ClientSession) -> None:
    async with post(http, ask("contenttype=html")) as response:
        assert response.status == 200
        assert response.content_type == "text/html"


async def test_a_hang_before_the_answer(server: SimServer, http: aiohttp.ClientSession) -> None:
    with pytest.raises(TimeoutError):
        await post(http, ask("hang"), timeout=aiohttp.ClientTimeout(total=0.1))
    await until(server, lambda calls: calls.aborted == 1)


async def test_the_time_of_an_abort_is_told(server: SimServer, http: aiohttp.ClientSession) -> None:
    response = await post(http, ask("tokens=9,interval=30s", "gone"))
    begun = time.monotonic()
    response.close()
    await until(server, lambda calls: calls.aborted == 1)
    async with http.get("/sim/calls") as counts:
        closed = (await counts.json())["closed"]
    assert list(closed) == ["gone"]
    assert begun < closed["gone"] < begun + NOTICED


async def test_a_hang_in_the_stream(server: SimServer, http: aiohttp.ClientSession) -> None:
    body = b""
    response = await post(http, ask("tokens=9,interval=0,hangafter=3"))
    while body.count(b"\n\n") < 4:
        body += await response.content.readany()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(response.content.readany(), 0.1)
    assert server.calls.active == 1
    response.close()
    await until(server, lambda calls: calls.aborted == 1)


@pytest.mark.parametrize("end", ["dropafter=3", "eofafter=3", "errorafter=3", "garbleafter=3"])
async def test_faults_of_a_whole_answer(http: aiohttp.ClientSession, end: str) -> None:
    async with post(http, ask(f"tokens=9,interval=0,{end}", stream=False)) as response:
        if end == "dropafter=3":
            body = await read_until_broken(response)
        else:
            body = await response.read()
        assert response.status == (500 if end == "errorafter=3" else 200)
    if end != "errorafter=3":
        with pytest.raises(json.JSONDecodeError):
            json.loads(body)


async def test_the_first_calls_of_each_prompt_fail(http: aiohttp.ClientSession) -> None:
    async def status(prompt: str) -> int:
        async with post(http, ask("status=500,failfirst=2,tokens=1", prompt)) as response:
            return int(response.status)

    assert [await status("a") for _ in range(4)] == [500, 500, 200, 200]
    assert await status("b") == 500


# ── counters ───────────────────────────────────────────────────────────────────────────


async def test_calls_are_counted_by_model_and_prompt(http: aiohttp.ClientSession) -> None:
    for model, prompt in (("tokens=1", "a"), ("tokens=1", "b"), ("tokens=2", "b")):
        async with post(http, ask(model, prompt)) as response:
            await response.read()
    async with http.get("/sim/calls") as response:
        assert await response.json() == {
            "total": 3,
            "active": 0,
            "by_model": {"tokens=1": 2, "tokens=2": 1},
            "by_prompt": {"a": 1, "b": 2},
            "aborted": 0,
            "closed": {},
        }
    async with http.post("/sim/reset") as response:
        assert response.status == 204
    async with http.get("/sim/calls") as response:
        assert (await response.json())["total"] == 0


@pytest.mark.parametrize(
    ("model", "stream"),
    [
        ("interval=30s", True),
        ("interval=30s", False),
        ("ttft=30s", True),
        ("ttft=30s", False),
        ("tokens=1000000,interval=0", True),
    ],
)
async def test_an_abort_is_noticed_between_tokens(
    server: SimServer,
    http: aiohttp.ClientSession,
    model: str,
    stream: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    call = asyncio.ensure_future(post(http, ask(model, stream=stream)))
    await until(server, lambda calls: calls.active == 1)
    if stream:
        (await call).close()
    else:
        call.cancel()
    await until(server, lambda calls: calls.aborted == 1)
    assert server.calls.active == 0
    assert caplog.records == []


async def test_a_reset_forgets_the_calls_before_it(
    server: SimServer, http: aiohttp.ClientSession
) -> None:
    response = await post(http, ask("interval=30s"))
    server.calls.reset()
    assert server.calls.active == 1
    response.close()
    await until(server, lambda calls: calls.active == 0)
    assert server.calls.aborted == 0


async def test_closing_is_quick_and_no_abort(server: SimServer) -> None:
    async with aiohttp.ClientSession() as http:
        response = await http.post(f"{server.base_url}/chat/completions", json=ask("interval=30s"))
        async with asyncio.timeout(1):
            await server.close()
        assert server.calls.aborted == 0
        await read_until_broken(response)
        response.close()


# ── the server itself ──────────────────────────────────────────────────────────────────


async def test_models_and_health(sdk: AsyncOpenAI, http: aiohttp.ClientSession) -> None:
    assert [model.id async for model in sdk.models.list()] == ["default"]
    async with http.get("/healthz") as response:
        assert response.status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.com"])
async def test_it_binds_to_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match=host):
        await start(host)


async def test_a_taken_port_is_an_error(server: SimServer) -> None:
    with pytest.raises(OSError, match="address already in use"):
        await start(port=server.port)


async def test_it_runs_as_a_process() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sim", "--port", "0", stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    words = (await process.stdout.readline()).decode().split()
    assert words[:3] == ["sim", "listening", "on"]
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{words[3]}/chat/completions", json=ask("tokens=1")) as response,
    ):
        assert (await response.read()).endswith(b"data: [DONE]\n\n")
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert await process.stdout.read() == b""

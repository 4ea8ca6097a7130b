"""The transports beneath the official SDKs: what is sent, and which call it belongs to."""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import httpx2
import pytest
from openai import APIConnectionError, APIError, AsyncOpenAI, OpenAI

import streamhold_client.httpx
import streamhold_client.httpx2
from tests.contract.sdk import text_of, user

CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": []}
URL = "http://broker.test/v1"

Respond = Callable[[httpx2.Request, int], httpx2.Response]


def chat(words: list[str]) -> bytes:
    choices = [[{"index": 0, "delta": {"content": word}}] for word in words]
    events = [json.dumps({**CHUNK, "choices": choice}) for choice in choices]
    numbered = enumerate([*events, "[DONE]"], 2)
    return b"".join(b"id: %d\ndata: %b\n\n" % (n, data.encode()) for n, data in numbered)


class Wire:
    """Stands for the network: ``respond(request, number)`` answers; it keeps what was sent."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self.sent: list[httpx2.Request] = []
        self._lock = threading.Lock()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        with self._lock:
            self.sent.append(request)
            number = len(self.sent)
        return self._respond(request, number)

    @property
    def keys(self) -> list[str]:
        return [request.headers["idempotency-key"] for request in self.sent]

    def sdk(self, timeout: float = 60) -> OpenAI:
        inner = httpx2.MockTransport(self)
        transport = streamhold_client.httpx2.ResumingTransport(inner)
        return OpenAI(
            base_url=URL,
            api_key="x",
            http_client=httpx2.Client(transport=transport),
            timeout=timeout,
        )

    def async_sdk(self) -> AsyncOpenAI:
        inner = httpx2.MockTransport(self)
        transport = streamhold_client.httpx2.AsyncResumingTransport(inner)
        client = httpx2.AsyncClient(transport=transport)
        return AsyncOpenAI(base_url=URL, api_key="x", http_client=client)


class Cut(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that breaks off."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self):  # type: ignore[no-untyped-def]
        yield self._body
        raise httpx2.ReadError("cut")

    async def __aiter__(self):  # type: ignore[no-untyped-def]
        yield self._body
        raise httpx2.ReadError("cut")


def answered(request: httpx2.Request, body: bytes, cut: int | None = None) -> httpx2.Response:
    """As Streamhold answers."""
    kind = "text/event-stream" if body.startswith(b"id:") else "application/json"
    headers = {"content-type": kind, "x-request-id": request.headers["idempotency-key"]}
    if cut is not None:
        return httpx2.Response(200, headers=headers, stream=Cut(body[:cut]))
    return httpx2.Response(200, headers=headers, content=body)


def whole(request: httpx2.Request) -> httpx2.Response:
    return answered(request, json.dumps(ANSWER).encode())


def ask(sdk: OpenAI, prompt: str = "hi", **headers: str) -> None:
    sdk.chat.completions.create(model="m", messages=user(prompt), extra_headers=headers)


def test_a_cut_stream_reaches_the_sdk_whole() -> None:
    body = chat(["Hello", " there", "!"])

    def respond(request: httpx2.Request, number: int) -> httpx2.Response:
        after = int(request.headers.get("last-event-id", 0))
        rest = body[body.index(b"id: %d" % (after + 1)) :] if after else body
        return answered(request, rest, None if number == 4 else 150)

    wire = Wire(respond)
    with wire.sdk() as sdk:
        stream = sdk.chat.completions.create(model="m", messages=user("hi"), stream=True)
        assert text_of(stream) == "Hello there!"
    assert len(set(wire.keys)) == 1
    assert [request.headers.get("last-event-id") for request in wire.sent] == [None, "2", "3", "4"]
    assert len({request.content for request in wire.sent}) == 1
    assert {request.headers["accept-encoding"] for request in wire.sent} == {"identity"}


async def test_the_same_awaiting() -> None:
    body = chat(["Hello", " there", "!"])

    def respond(request: httpx2.Request, number: int) -> httpx2.Response:
        return answered(request, body, 200 if number == 1 else None)  # deaf to Last-Event-ID

    async with Wire(respond).async_sdk() as sdk:
        stream = await sdk.chat.completions.create(model="m", messages=user("hi"), stream=True)
        assert text_of([chunk async for chunk in stream]) == "Hello there!"


def test_the_same_with_the_older_library() -> None:
    body = chat(["Hello", " there", "!"])

    def older(request: httpx.Request) -> httpx.Response:
        key = request.headers["idempotency-key"]
        headers = {"content-type": "text/event-stream", "x-request-id": key}
        cut = None if "last-event-id" in request.headers else 200
        return httpx.Response(200, headers=headers, content=body[:cut])

    inner = streamhold_client.httpx.ResumingTransport(httpx.MockTransport(older))
    with httpx.Client(transport=inner) as client:
        answer = client.post(f"{URL}/chat/completions", json={"stream": True})
        assert answer.content == body


RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": []}
EVENTS = [
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}},
    *({"type": "response.queued", "response": RESPONSE} for _ in range(3)),
    {"type": "response.completed", "response": {**RESPONSE, "status": "completed"}},
]


def test_a_response_is_followed_over_a_cut() -> None:
    """The SDK's helper asks for it by a GET, and so do those that come later."""
    lines = [
        f"id: {n}\nevent: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': n})}\n\n"
        for n, event in enumerate(EVENTS, 1)
    ]

    def respond(request: httpx2.Request, number: int) -> httpx2.Response:
        body = "".join(lines[int(request.headers.get("last-event-id", 0)) :]).encode()
        headers = {"content-type": "text/event-stream", "x-request-id": "the-job"}
        cut = Cut(body[:300]) if number < 3 else httpx2.ByteStream(body)
        return httpx2.Response(200, headers=headers, stream=cut)

    wire = Wire(respond)
    with wire.sdk() as sdk, sdk.responses.stream(response_id="resp_1", starting_after=2) as stream:
        seen = [event.sequence_number for event in stream]
        assert stream.get_final_response().status == "completed"
    assert seen == [3, 4, 5]
    assert [request.method for request in wire.sent] == ["GET"] * 3
    assert not any("idempotency-key" in request.headers for request in wire.sent)


async def test_a_poll_outlives_a_server_that_is_known() -> None:
    lost = {2: httpx2.ReadError("cut"), 3: httpx2.ConnectError("refused")}

    def respond(request: httpx2.Request, number: int) -> httpx2.Response:
        if number in lost:
            raise lost[number]
        key = request.headers.get("idempotency-key", "the-job")
        said = {**RESPONSE, "status": "completed"}
        return httpx2.Response(200, headers={"x-request-id": key}, json=said)

    wire = Wire(respond)
    async with wire.async_sdk() as sdk:
        sdk = sdk.with_options(max_retries=0)
        await sdk.responses.create(model="m", input="hi", background=True)
        assert (await sdk.responses.retrieve("resp_1")).status == "completed"
        assert len(wire.sent) == 4
        lost[5] = httpx2.ConnectError("refused")
        with pytest.raises(APIConnectionError):  # not a response: its reader's own affair
            await sdk.responses.input_items.list("resp_1")


def test_a_server_that_is_met_by_a_poll_alone_stays_unknown() -> None:
    def respond(request: httpx2.Request, number: int) -> httpx2.Response:
        if number == 2:
            raise httpx2.ConnectError("refused")
        return httpx2.Response(200, json=RESPONSE)

    wire = Wire(respond)
    with wire.sdk() as sdk:
        sdk = sdk.with_options(max_retries=0)
        sdk.responses.retrieve("resp_1")
        with pytest.raises(APIConnectionError):
            sdk.responses.retrieve("resp_1")


def test_the_sdks_retries_are_one_call() -> None:
    def respond(request: httpx2.Request, number: int) -> httpx2.Response:
        if number == 1:
            raise httpx2.ConnectError("refused")
        if number == 2:
            return httpx2.Response(503, headers={"retry-after-ms": "1"})
        return whole(request)

    wire = Wire(respond)
    with wire.sdk() as sdk:
        ask(sdk)
    assert [request.headers["x-stainless-retry-count"] for request in wire.sent] == ["0", "1", "2"]
    assert len(set(wire.keys)) == 1


def test_equal_calls_are_calls_of_their_own() -> None:
    def respond(request: httpx2.Request, number: int) -> httpx2.Response:
        return httpx2.Response(400) if number == 3 else whole(request)

    wire = Wire(respond)
    with wire.sdk() as sdk:
        ask(sdk)
        ask(sdk)
        with pytest.raises(APIError):
            ask(sdk)
        ask(sdk)
        ask(sdk, **{"Idempotency-Key": "mine"})
    assert len(set(wire.keys)) == 5
    assert wire.keys[-1] == "mine"


@pytest.mark.parametrize("threads", [True, False])
async def test_equal_calls_at_once_with_retries(threads: bool) -> None:
    """Twenty equal calls fail at once; each one's retry has its own key again."""
    seen: dict[str, list[str]] = {}
    lock = threading.Lock()

    def respond(request: httpx2.Request, number: int) -> httpx2.Response:
        key, count = request.headers["idempotency-key"], request.headers["x-stainless-retry-count"]
        with lock:
            seen.setdefault(key, []).append(count)
        if count == "0":
            return httpx2.Response(503, headers={"retry-after-ms": "1"})
        return whole(request)

    wire = Wire(respond)
    if threads:
        with wire.sdk() as sdk:
            await asyncio.gather(*(asyncio.to_thread(ask, sdk) for _ in range(20)))
    else:
        async with wire.async_sdk() as asdk:
            calls = (
                asdk.chat.completions.create(model="m", messages=user("hi")) for _ in range(20)
            )
            await asyncio.gather(*calls)
    assert list(seen.values()) == [["0", "1"]] * 20


def test_a_stranger_behind_it_sees_the_sdk_alone() -> None:
    body = b'data: {"id":"c","choices":[]}\n\ndata: [DONE]\n\n'

    def respond(request: httpx2.Request, number: int) -> httpx2.Response:
        headers = {"content-type": "text/event-stream", "x-request-id": "req_1"}
        return httpx2.Response(200, headers=headers, stream=Cut(body[:20]))

    wire = Wire(respond)
    with wire.sdk() as sdk, pytest.raises(APIConnectionError):
        list(sdk.chat.completions.create(model="m", messages=user("hi"), stream=True))
    assert len(wire.sent) == 1


def test_silence_counts_as_a_loss_where_the_server_is_known() -> None:
    body = chat(["Hello", " there"])
    reads: list[float] = []

    def respond(request: httpx2.Request, number: int) -> httpx2.Response:
        reads.append(request.extensions["timeout"]["read"])
        if number == 2:
            raise httpx2.ReadTimeout("silence")
        return answered(request, body)

    wire = Wire(respond)
    with wire.sdk(timeout=600) as sdk:
        for _ in range(2):
            list(sdk.chat.completions.create(model="m", messages=user("hi"), stream=True))
    assert reads == [600, 45, 45]
    assert wire.keys[1] == wire.keys[2] != wire.keys[0]


def test_other_requests_pass_through() -> None:
    wire = Wire(lambda request, number: httpx2.Response(200, json={"data": [], "object": "list"}))
    with wire.sdk() as sdk:
        sdk.models.list()
    assert "idempotency-key" not in wire.sent[0].headers


def test_the_two_libraries_have_the_same_module() -> None:
    newer, older = streamhold_client.httpx2.__file__, streamhold_client.httpx.__file__
    assert newer is not None
    assert older is not None
    assert Path(newer).read_text().replace("httpx2", "httpx") == Path(older).read_text()

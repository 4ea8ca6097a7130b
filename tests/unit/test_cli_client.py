"""The client, against a small API whose answers a test scripts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from broker.cli import client as module
from broker.cli.client import ApiError, Client

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeApi:
    """Answers with ``script``, one entry a request, and keeps what it was asked."""

    url: str = ""
    script: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    key: str | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path, request.headers.get("last-event-id")))
        self.bodies.append(await request.read())
        self.key = request.headers.get("authorization")
        return await self.script.pop(0)(request)


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeApi]:
    monkeypatch.setattr(module, "_FIRST_WAIT", 0.001)
    fake = FakeApi()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


def events(*texts: str, status: int = 200, abort: bool = False) -> Answer:
    """Stream these blocks; ``abort`` cuts the connection instead of closing it cleanly."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for text in texts:
            await response.write(text.encode())
        if abort and request.transport is not None:
            request.transport.close()
        return response

    return answer


def plain(status: int, body: str = "") -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body)

    return answer


async def followed(api: FakeApi, after: int = 0) -> list[int | None]:
    async with Client(api.url, "k") as client:
        return [event.id async for event in client.follow("job", after)]


END = "id: 9\nevent: end\ndata: {}\n\n"


async def test_a_cut_stream_goes_on_after_the_last_whole_event(api: FakeApi) -> None:
    api.script = [
        events("id: 1\ndata: a\n\n", "id: 2\ndata: b\n\nid: 3\nda", abort=True),
        events("id: 3\ndata: c\n\n"),  # a clean close without an end is a cut too
        events(END),
    ]
    assert await followed(api) == [1, 2, 3, 9]
    assert [last for _, _, last in api.asked] == [None, "2", "3"]
    assert api.key == "Bearer k"


async def test_a_retry_event_is_honoured_and_not_shown(api: FakeApi) -> None:
    api.script = [events("id: 4\nevent: retry\nretry: 1\ndata: {}\n\n"), events(END)]
    assert await followed(api, after=4) == [9]
    assert [last for _, _, last in api.asked] == ["4", "4"]


async def test_a_passing_refusal_is_waited_out(api: FakeApi) -> None:
    api.script = [plain(503), plain(502, "<html>"), events(END)]
    assert await followed(api) == [9]


async def test_nothing_left_ends_at_once(api: FakeApi) -> None:
    api.script = [plain(204)]
    assert await followed(api, after=9) == []


async def test_an_unknown_job_is_said_in_one_line(api: FakeApi) -> None:
    problem = '{"title": "There is no job under this request id.", "status": 404}'
    api.script = [plain(404, problem)]
    with pytest.raises(ApiError, match=r"^There is no job under this request id. \(HTTP 404\)$"):
        await followed(api)


async def test_an_api_that_never_answered_is_given_up_at_once() -> None:
    async with Client("http://127.0.0.1:1", None) as client:
        with pytest.raises(ApiError, match="can't be reached"):
            _ = [event async for event in client.follow("job")]


async def test_a_silent_api_is_given_up_in_the_end(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", -1.0)
    api.script = [plain(503, '{"title": "Away."}')]
    with pytest.raises(ApiError, match="Away"):
        await followed(api)


async def test_every_wait_is_told(api: FakeApi) -> None:
    told: list[str] = []
    api.script = [events("id: 1\ndata: a\n\n"), events(END)]
    async with Client(api.url, None, told.append) as client:
        _ = [event async for event in client.follow("job")]
    assert told == ["The stream was cut; going on after 1"]


async def test_submit_is_repeated_with_the_same_body(api: FakeApi) -> None:
    api.script = [plain(503), plain(202, '{"request_id": "r"}')]
    async with Client(api.url + "/v1/", None) as client:
        assert await client.submit({"request_id": "r"}) == {"request_id": "r"}
    assert [path for _, path, _ in api.asked] == ["/v1/jobs", "/v1/jobs"]
    assert api.bodies[0] == api.bodies[1] == b'{"request_id":"r"}'


async def test_a_refused_submit_is_not_repeated(api: FakeApi) -> None:
    api.script = [plain(422, '{"title": "Reused.", "detail": "Reused. Another body."}')]
    async with Client(api.url, None) as client:
        with pytest.raises(ApiError, match=r"^Reused. Another body. \(HTTP 422\)$"):
            await client.submit({"request_id": "r"})

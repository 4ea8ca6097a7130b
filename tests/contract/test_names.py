"""Names of models: bare ones, patterns and the list, over providers that list what they have."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path
from threading import Thread
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI, BadRequestError, NotFoundError

from rig.cluster import until
from tests.contract.jobs import act, get
from tests.deployment import Deployment, ask

CLAUDES = [f"claude-{n}" for n in range(1200)]  # two pages


class Vendor:
    """A provider of each dialect under its own path; it notes who asked for which model."""

    def __init__(self) -> None:
        self.called: list[tuple[str, str]] = []  # path's first segment, model
        self.listed: list[tuple[str, str]] = []  # path's first segment, key
        self.broken: set[str] = set()
        self.names = {"openai": ["gpt-4o-mini", "gpt-4o", "both"], "rest": ["both", "own-1"]}
        self.url = ""

    async def models(self, request: web.Request) -> web.Response:
        who = request.match_info["who"]
        key = request.headers.get("x-api-key") or request.headers.get("authorization", "")
        self.listed.append((who, str(key)))
        if who in self.broken:
            raise web.HTTPInternalServerError
        if who == "anthropic":
            after = request.query.get("after_id")
            first = CLAUDES.index(after) + 1 if after else 0
            rows = CLAUDES[first : first + int(request.query["limit"])]
            data = [{"id": name, "type": "model", "created_at": "2026-05-01T00:00:00Z",
                     "max_input_tokens": 200_000} for name in rows]  # fmt: skip
            more = first + len(rows) < len(CLAUDES)
            return web.json_response({"data": data, "has_more": more, "last_id": rows[-1]})
        names = [{"id": n, "object": "model", "created": 1700000000} for n in self.names[who]]
        return web.json_response({"object": "list", "data": names})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.called.append((request.match_info["who"], body["model"]))
        return await self._events(request, [
            {"id": "c", "model": body["model"], "choices": [
                {"index": 0, "delta": {"role": "assistant", "content": "Hi"}}]},
            {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ])  # fmt: skip

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.called.append((request.match_info["who"], body["model"]))
        return web.json_response({"object": "list", "data": [], "model": body["model"]})

    async def messages(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.called.append((request.match_info["who"], body["model"]))
        return await self._events(request, [
            {"type": "message_start", "message": {"id": "m", "type": "message",
             "role": "assistant", "model": body["model"], "content": [],
             "usage": {"input_tokens": 1, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0,
             "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0,
             "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"},
             "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ])  # fmt: skip

    async def _events(
        self, request: web.Request, events: list[dict[str, Any]]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for event in events:
            name = f"event: {event['type']}\n" if "type" in event else ""
            await response.write(f"{name}data: {json.dumps(event)}\n\n".encode())
        if "choices" in events[0]:
            await response.write(b"data: [DONE]\n\n")
        return response


@pytest.fixture(scope="module")
def vendor() -> Iterator[Vendor]:
    """In a thread of its own: it outlives each test's loop."""
    vendor, loop = Vendor(), asyncio.new_event_loop()
    app = web.Application()
    app.router.add_get("/{who}/v1/models", vendor.models)
    app.router.add_post("/{who}/v1/chat/completions", vendor.chat)
    app.router.add_post("/{who}/v1/embeddings", vendor.embeddings)
    app.router.add_post("/{who}/v1/messages", vendor.messages)
    runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        vendor.url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    loop.run_until_complete(start())
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield vendor
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.run_until_complete(runner.cleanup())
    loop.close()


def config(url: str) -> str:
    return f"""
[models]
refresh = 3

[providers.openai]
base_url = "{url}/openai/v1"
api_key_env = "OPENAI_KEY"

[providers.openai-responses]
base_url = "{url}/openai/v1"
api_key_env = "OPENAI_KEY"
dialect = "responses"

[providers.anthropic]
base_url = "{url}/anthropic/v1"
api_key_env = "ANTHROPIC_KEY"
dialect = "messages"

[providers.rest]
base_url = "{url}/rest/v1"

[routes.mine]
targets = ["openai/gpt-4o-mini"]

[routes."claude-*"]
targets = ["anthropic/*"]

[routes."claude-3-*"]
targets = ["rest/old-*"]

[routes."team/*"]
targets = ["openai/*"]
"""


@pytest.fixture(scope="module")
def deployment(vendor: Vendor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    env = {"OPENAI_KEY": "sk-openai", "ANTHROPIC_KEY": "sk-ant"}
    folder: Path = tmp_path_factory.mktemp("names")
    deployment = Deployment(folder, apis=2, config=config(vendor.url), env=env)
    yield deployment
    deployment.close()


@pytest.fixture
async def api(deployment: Deployment) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(deployment.urls[0]) as session:
        await listed(session, "own-1")
        yield session


async def listed(api: aiohttp.ClientSession, name: str, *, there: bool = True) -> None:
    async def found() -> bool:
        names = {each["id"] for each in (await get(api, "/v1/models"))["data"]}
        return (name in names) == there

    await until(found, 20)


async def chat(api: aiohttp.ClientSession, model: str, status: int = 200) -> Any:
    return await act(api, "/v1/chat/completions", status, ask(model, f"names {model[:40]}"))


@pytest.mark.parametrize(
    ("model", "called"),
    [
        ("gpt-4o-mini", ("openai", "gpt-4o-mini")),
        ("gpt-4o-2024-08-06", ("openai", "gpt-4o-2024-08-06")),  # as it was named
        ("own-1", ("rest", "own-1")),
        ("openai/not-listed", ("openai", "not-listed")),
        ("mine", ("openai", "gpt-4o-mini")),
        ("claude-opus-9", ("anthropic", "claude-opus-9")),
        ("claude-3-haiku", ("rest", "old-haiku")),  # the most specific pattern
        ("team/gpt-4o", ("openai", "gpt-4o")),
    ],
)
async def test_a_name_finds_its_provider(
    vendor: Vendor, api: aiohttp.ClientSession, model: str, called: tuple[str, str]
) -> None:
    before = len(vendor.called)
    answer = await chat(api, model)
    assert answer["choices"][0]["message"]["content"] == "Hi"
    assert vendor.called[before:] == [called]


@pytest.mark.parametrize("model", ["gpt-4o-mini", "team/gpt-4o-mini", "openai/gpt-4o-mini"])
async def test_a_call_that_is_passed_on_finds_it_too(
    vendor: Vendor, api: aiohttp.ClientSession, model: str
) -> None:
    await listed(api, "gpt-4o-mini")
    before = len(vendor.called)
    answer = await act(api, "/v1/embeddings", 200, {"model": model, "input": "x"})
    assert answer["model"] == "gpt-4o-mini"
    assert vendor.called[before:] == [("openai", "gpt-4o-mini")]


async def test_what_a_name_meant_stands_in_the_record(
    vendor: Vendor, api: aiohttp.ClientSession
) -> None:
    submitted = {"request": ask("gpt-4o-mini", "record"), "request_id": "record"}
    job = await act(api, "/v1/jobs", 202, submitted)
    await get(api, "/v1/jobs/record/result?wait=10")
    job = await get(api, "/v1/jobs/record")
    assert job["model"] == "gpt-4o-mini"
    assert [(each["provider"], each["model"]) for each in job["attempts"]] == [
        ("openai", "gpt-4o-mini")
    ]


async def test_a_large_call_finds_it_too(vendor: Vendor, api: aiohttp.ClientSession) -> None:
    before = len(vendor.called)
    await act(api, "/v1/chat/completions", 200, ask("gpt-4o-mini", "x" * 300_000))
    error = await act(api, "/v1/chat/completions", 404, ask("gpt-4o-mni", "x" * 300_000))
    assert "'gpt-4o-mini'" in error["error"]["message"]
    assert vendor.called[before:] == [("openai", "gpt-4o-mini")]


async def test_a_name_that_two_have_is_refused_with_both(
    deployment: Deployment, vendor: Vendor, api: aiohttp.ClientSession
) -> None:
    before = len(vendor.called)
    async with AsyncOpenAI(base_url=f"{deployment.urls[0]}/v1", api_key="none") as sdk:
        with pytest.raises(BadRequestError, match=r"'openai/both'.*'rest/both'") as caught:
            await sdk.chat.completions.create(**ask("both", "x"))
    assert (caught.value.code, caught.value.param) == ("ambiguous_model", "model")
    assert vendor.called[before:] == []


async def test_a_misspelt_name_is_told_near_ones(
    deployment: Deployment, api: aiohttp.ClientSession
) -> None:
    async with AsyncOpenAI(base_url=f"{deployment.urls[0]}/v1", api_key="none") as sdk:
        with pytest.raises(NotFoundError, match="'gpt-4o-mini'") as caught:
            await sdk.chat.completions.create(**ask("gpt-4o-mni", "x"))
    assert caught.value.code == "model_not_found"


async def test_the_list_has_every_name_once(api: aiohttp.ClientSession) -> None:
    found = await get(api, "/v1/models")
    names = [each["id"] for each in found["data"]]
    assert len(names) == len(set(names))
    assert names[0] == "mine"
    assert set(names) == {
        *("mine", "sim", "default", "gpt-4o-mini", "gpt-4o", "own-1"),
        *("openai/both", "openai-responses/both", "rest/both"),
        *(name for name in CLAUDES if not name.startswith("claude-3-")),
    }
    models = {each["id"]: each for each in found["data"]}
    assert models["gpt-4o-mini"]["created"] == 1700000000
    assert models["mine"]["created"] == 1700000000  # its first target's
    claude = models["claude-7"]
    assert (claude["owned_by"], claude["context_window"]) == ("anthropic", 200_000)
    assert claude["created_at"] == "2026-05-01T00:00:00Z"
    assert found["has_more"] is False
    for name in ("gpt-4o-mini", "claude-7", "openai/gpt-4o", "team/gpt-4o", "mine"):
        assert (await get(api, f"/v1/models/{name}"))["id"] == name


async def test_both_dialects_page_through_it(
    deployment: Deployment, api: aiohttp.ClientSession
) -> None:
    names = [each["id"] for each in (await get(api, "/v1/models"))["data"]]
    async with AsyncAnthropic(base_url=deployment.urls[0], api_key="none") as claude:
        assert [each.id async for each in claude.models.list(limit=500)] == names
        page = await claude.models.list(limit=2, before_id=names[5])
        assert ([each.id for each in page.data], page.has_more) == (names[3:5], True)
        page = await claude.models.list(limit=1000, before_id=names[5])
        assert ([each.id for each in page.data], page.has_more) == (names[:5], False)
    async with AsyncOpenAI(base_url=f"{deployment.urls[0]}/v1", api_key="none") as sdk:
        assert [each.id async for each in sdk.models.list()] == names
    found = await get(api, f"/v1/models?limit=3&after={names[0]}")
    assert [each["id"] for each in found["data"]] == names[1:4]
    assert (found["first_id"], found["last_id"], found["has_more"]) == (names[1], names[3], True)
    last = await get(api, f"/v1/models?limit=3&after_id={names[-1]}")
    assert (last["data"], last["has_more"]) == ([], False)
    for bad in ("limit=0", "limit=1001", "limit=x", "after_id=nobody", "after=a&before=b"):
        await get(api, f"/v1/models?{bad}", HTTPStatus.BAD_REQUEST)


async def test_the_other_process_asks_nobody_and_knows_the_same(
    deployment: Deployment, vendor: Vendor, api: aiohttp.ClientSession
) -> None:
    async with aiohttp.ClientSession(deployment.urls[1]) as other:
        await listed(other, "own-1")
        assert await get(other, "/v1/models") == await get(api, "/v1/models")
    assert ("openai", "Bearer sk-openai") in vendor.listed
    assert ("anthropic", "sk-ant") in vendor.listed


async def test_lists_are_asked_again_and_outlast_a_failure(
    deployment: Deployment, vendor: Vendor, api: aiohttp.ClientSession
) -> None:
    vendor.broken.add("openai")
    vendor.names["rest"] = ["both", "own-1", "new-1"]
    await listed(api, "new-1")
    asked = [who for who, _ in vendor.listed].count("openai")

    async def in_vain() -> bool:
        return [who for who, _ in vendor.listed].count("openai") > asked

    await until(in_vain, 20)
    await chat(api, "gpt-4o-mini")
    vendor.broken.clear()
    vendor.names["rest"] = ["own-1"]
    await listed(api, "both")  # one of them has it now
    assert len(vendor.called) == len([each for each in vendor.called if each[1]])

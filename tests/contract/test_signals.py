"""What a provider's answer says beside its text: waits, labels, comments, closed connections,
answers whose events are over. A deployment and a provider whose every byte is scripted."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from tests.contract.signal_scripts import CONFIG, DIALECTS, LABELS, SCRIPTS
from tests.contract.stage import TEXT, Stage
from tests.deployment import Deployment

SURFACES = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage(SCRIPTS)
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> Iterator[Deployment]:
    config = CONFIG.replace("STAGE", stage.url)
    deployment = Deployment(tmp_path_factory.mktemp("deployment"), config=config)
    yield deployment
    deployment.close()


class Door:
    """Calls the deployment on any surface."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    def post(self, surface: str, model: str, prompt: str, *, stream: bool = True) -> Any:
        body: dict[str, Any] = {"model": model, "stream": stream}
        if surface == "responses":
            body["input"] = prompt
        else:
            body |= {"messages": [{"role": "user", "content": prompt}], "max_tokens": 99}
        headers = {"Idempotency-Key": prompt}
        return self.session.post(SURFACES[surface], json=body, headers=headers)

    async def text(self, surface: str, model: str, prompt: str) -> str:
        """The text of a streamed answer that ends well."""
        async with self.post(surface, model, prompt) as answer:
            told = (await answer.read()).decode()
            assert answer.status == 200, told
        end = {"chat": "[DONE]", "messages": "message_stop", "responses": "response.completed"}
        assert end[surface] in told, told
        return text_of(surface, told)

    async def job(self, prompt: str) -> Any:
        async with self.session.get(f"/v1/jobs/{prompt}") as answer:
            return await answer.json()


def text_of(surface: str, told: str) -> str:
    found = []
    for line in told.splitlines():
        data = line.removeprefix("data: ")
        if data == line or not data.startswith("{"):
            continue
        event = json.loads(data)
        if surface == "chat":
            found += [each["delta"].get("content") or "" for each in event.get("choices", ())]
        elif surface == "messages" and event["type"] == "content_block_delta":
            found.append(event["delta"].get("text", ""))
        elif event.get("type") == "response.output_text.delta":
            found.append(event["delta"])
    return "".join(found)


@pytest.fixture
async def door(deployment: Deployment) -> AsyncIterator[Door]:
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(deployment.urls[0], timeout=timeout) as session:
        yield Door(session)


@pytest.fixture
def prompt() -> str:
    return f"p-{secrets.token_hex(6)}"


# ── Waits ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", ["later", "later-ms", "later-date"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("surface", SURFACES)
async def test_a_long_wait_is_the_callers(
    stage: Stage, door: Door, prompt: str, surface: str, stream: bool, model: str
) -> None:
    """The 429 at once, with its header: the sole target is not knocked at again."""
    started = time.monotonic()
    async with door.post(surface, f"chat/{model}", prompt, stream=stream) as answer:
        body = await answer.json()
    assert time.monotonic() - started < 5
    assert (answer.status, len(stage.calls[prompt])) == (429, 1)
    assert 3590 <= int(answer.headers["retry-after"]) <= 3600
    assert body["error"]["message"] == "Too many."
    (attempt,) = (await door.job(prompt))["attempts"]
    assert attempt["error"]["type"] == "rate_limit_exceeded"


async def test_milliseconds_are_read_first(stage: Stage, door: Door, prompt: str) -> None:
    assert await door.text("chat", "chat/soon", prompt) == TEXT
    first, second = stage.calls[prompt]
    assert 0.3 <= second.at - first.at < 3


async def test_another_target_answers_at_once(stage: Stage, door: Door, prompt: str) -> None:
    """Whatever retries the first has: it asked for none."""
    started = time.monotonic()
    assert await door.text("chat", "elsewhere", prompt) == TEXT
    assert time.monotonic() - started < 5
    assert [each.dialect for each in stage.calls[prompt]] == ["chat", "messages"]


# ── Labels ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("label", [*LABELS, "late"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_events_are_streamed_whatever_their_label(
    stage: Stage, door: Door, prompt: str, dialect: str, label: str
) -> None:
    told = b""
    async with door.post("chat", f"{dialect}/as-{label}", prompt) as answer:
        assert answer.status == 200
        while b'"Hello"' not in told:  # before the rest is sent
            told += await asyncio.wait_for(answer.content.readany(), 5)
        stage.go[prompt].set()
        told += await answer.read()
    assert text_of("chat", told.decode()) == TEXT
    assert b"[DONE]" in told
    assert len(stage.calls[prompt]) == 1


@pytest.mark.parametrize("model", ["page", "page-text", "page-none"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_page_stays_a_failure(
    stage: Stage, door: Door, prompt: str, dialect: str, model: str
) -> None:
    async with door.post("chat", f"{dialect}/{model}", prompt) as answer:
        assert answer.status == 502
    error = (await door.job(prompt))["error"]
    assert (error["type"], error["code"]) == ("provider_garbled", "content_type")


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        *((f"as-{label}", "text/event-stream") for label in ("none", "text", "lines", "garbage")),
        ("object-none", "application/json"),
        ("object-text", "application/json"),
        ("page", None),
        ("page-none", None),
    ],
)
async def test_what_is_passed_on_has_its_right_label(
    stage: Stage, door: Door, prompt: str, model: str, kind: str | None
) -> None:
    stage.go[prompt].set()
    call = {"model": f"chat/{model}", "prompt": prompt, "stream": True}
    async with door.session.post("/v1/completions", json=call) as answer:
        told = await answer.read()
    assert answer.status == (502 if kind is None else 200)
    if kind is not None:
        assert answer.content_type == kind
        assert (b"[DONE]" if kind == "text/event-stream" else b"Hello there") in told


@pytest.mark.parametrize("model", ["object-none", "object-text", "object-events"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_object_is_one_whatever_its_label(
    door: Door, prompt: str, dialect: str, model: str
) -> None:
    assert await door.text("chat", f"{dialect}/{model}", prompt) == TEXT


# ── Signs of life ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", ["busy", "busy-lines", "busy-bare", "busy-named"])
@pytest.mark.parametrize("surface", SURFACES)
async def test_who_says_that_it_is_busy_is_waited_for(
    stage: Stage, door: Door, prompt: str, surface: str, model: str
) -> None:
    assert await door.text(surface, f"chat/{model}", prompt) == TEXT
    assert len(stage.calls[prompt]) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_in_every_dialect(stage: Stage, door: Door, prompt: str, dialect: str) -> None:
    assert await door.text("chat", f"{dialect}/busy", prompt) == TEXT
    assert len(stage.calls[prompt]) == 1


async def test_but_not_for_ever(door: Door, prompt: str) -> None:
    async with door.post("chat", "chat/busy-forever", prompt) as answer:
        await answer.read()
    (first, *_) = (await door.job(prompt))["attempts"]
    assert (first["error"]["type"], first["error"]["code"]) == ("provider_timeout", "total")
    assert 3.5 < first["ended_at"] - first["started_at"] < 6


# ── Kept connections ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_kept_connection_that_had_ended_is_no_failure(
    stage: Stage, door: Door, prompt: str, dialect: str
) -> None:
    """One more call, on a new connection and on record; no breaker opens for any number of them."""
    assert await door.text("chat", f"{dialect}/kept", f"{prompt}-0") == TEXT
    for number in range(1, 12):
        assert await door.text("chat", f"{dialect}/kept", f"{prompt}-{number}") == TEXT
        first, second = stage.calls[f"{prompt}-{number}"]
        assert (first.place, second.place) == (2, 1)
        lost, whole = (await door.job(f"{prompt}-{number}"))["attempts"]
        assert (lost["error"]["type"], lost["error"]["code"]) == ("provider_cut", "kept_connection")
        assert whole["outcome"] == "completed"


async def test_not_after_a_byte(stage: Stage, door: Door, prompt: str) -> None:
    """That is an answer that was cut: what is left to do is the route's to say."""
    assert await door.text("chat", "chat/kept-begun", f"{prompt}-0") == TEXT
    async with door.post("chat", "chat/kept-begun", f"{prompt}-1") as answer:
        await answer.read()
    first, *_ = (await door.job(f"{prompt}-1"))["attempts"]
    assert stage.calls[f"{prompt}-1"][0].place == 2
    assert (first["error"]["type"], first["error"].get("code")) == ("provider_cut", None)


# ── Answers whose events are over ──────────────────────────────────────────────────────


@pytest.mark.parametrize("model", ["old", "pending"])
@pytest.mark.parametrize("kind", ["refused", "object"])
@pytest.mark.parametrize("surface", SURFACES)
async def test_an_old_response_is_polled_to_its_end(
    stage: Stage, door: Door, prompt: str, surface: str, kind: str, model: str
) -> None:
    """The provider is called once, and the rest is told: no word twice and none missing."""
    prompt = f"{prompt}-{kind}"
    assert await door.text(surface, f"voice/{model}", prompt) == TEXT
    asked = stage.calls[prompt]
    assert [each.method for each in asked][:2] == ["POST", "GET"]
    assert [each.method for each in asked].count("POST") == 1
    assert "stream=true" in asked[1].path
    assert sum("stream=true" not in each.path for each in asked) == 4
    job = await door.job(prompt)
    assert [each["outcome"] for each in job["attempts"]] == ["completed"]
    async with door.session.get(f"/v1/jobs/{prompt}/result") as answer:
        assert TEXT in await answer.text()

"""A provider refuses a call: by whose fault, and what each caller sees of it."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import anthropic
import openai
import pytest

from rig.cluster import until
from tests.contract.jobs import get
from tests.contract.refuser import Refusal, Refuser
from tests.deployment import Deployment

DIALECTS = {"chat": "/v1", "messages": "/v1", "responses": "/v1", "gemini": "/v1beta"}
CALLERS = ("chat", "messages", "responses")
ANSWER = "tokens=3,interval=0"
PLACE = "messages[0].content"
WORDS = "Temperature must be below two."

# Each with the words that reach a caller who is refused.
WRONG: dict[str, tuple[Refusal, str]] = {
    "openai": (Refusal(400, {"error": {"message": WORDS, "type": "invalid_request_error",
                                       "param": "temperature", "code": None}}), WORDS),
    "anthropic": (Refusal(400, {"type": "error", "error": {
        "type": "invalid_request_error", "message": WORDS}}), WORDS),
    "google": (Refusal(400, [{"error": {"code": 400, "message": WORDS,
                                        "status": "INVALID_ARGUMENT"}}]), WORDS),
    "fastapi": (Refusal(422, {"detail": [{"loc": ["body", "messages", 0, "content"],
                                          "msg": WORDS, "type": "value_error"}]}),
                f"{PLACE}: {WORDS}"),
    "a-sentence": (Refusal(400, {"detail": WORDS}), WORDS),
    "a-relay": (Refusal(400, {"error": {"message": "Provider returned error", "code": 400,
                                        "metadata": {"raw": json.dumps({"message": WORDS})}}}),
                f"Provider returned error: {WORDS}"),
    "a-text": (Refusal(400, WORDS.encode()), WORDS),
}  # fmt: skip
GONE: dict[str, tuple[Refusal, str]] = {
    "retired": (Refusal(404, {"error": {"message": "The model `retired` does not exist.",
                                        "type": "invalid_request_error", "param": None,
                                        "code": "model_not_found"}}),
                "The model `retired` does not exist."),
    "openrouter": (Refusal(404, {"error": {"message": "No endpoints found for maker/old.",
                                           "code": 404}}), "No endpoints found for maker/old."),
    "anthropic-404": (Refusal(404, {"type": "error", "error": {
        "type": "not_found_error", "message": "model: claude-old"}}), "model: claude-old"),
    "nginx": (Refusal(404, b"<html><head><title>404 Not Found</title></head></html>"),
              "404 Not Found"),
    "deepseek": (Refusal(400, {"error": {"message": "Model Not Exist", "code":
                                         "invalid_request_error"}}), "Model Not Exist"),
}  # fmt: skip
REFUSALS = WRONG | GONE
LONG = Refusal(400, {"error": {"message": "Too long.", "code": "context_length_exceeded"}})
BUSY = Refusal(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Full."}})
OTHERS = {"long": LONG, "busy": BUSY}


def routes() -> Iterator[str]:
    for dialect in DIALECTS:
        for name in (*REFUSALS, *OTHERS):
            target = f'"{dialect}/{name}"'
            yield f'[routes."{dialect}-{name}"]\ntargets = [{target}, "sim/{ANSWER}"]\n'
            yield f'[routes."{dialect}-{name}-alone"]\ntargets = [{target}]\n'
    yield '[routes.counted]\ntargets = ["messages/anthropic-404", "sim-messages/default"]\n'
    yield '[routes.embedded]\ntargets = ["chat/deepseek", "sim/default"]\n'


@pytest.fixture(scope="module")
def refuser() -> Iterator[Refuser]:
    refuser = Refuser({name: each[0] for name, each in REFUSALS.items()} | OTHERS)
    yield refuser
    refuser.close()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, refuser: Refuser) -> Iterator[Deployment]:
    providers = (
        f'[providers.{name}]\nbase_url = "{refuser.url}{path}"\ndialect = "{name}"\n'
        for name, path in DIALECTS.items()
    )
    head = "[breaker]\nleast_calls = 1000\n[worker]\nbackoff = 0.01\n"
    config = head + "".join((*providers, *routes()))
    deployment = Deployment(tmp_path_factory.mktemp("blame"), config=config)
    yield deployment
    deployment.close()


@pytest.fixture
async def api(deployment: Deployment) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(deployment.urls[0]) as session:
        yield session


def body_of(caller: str, model: str, stream: bool) -> tuple[str, dict[str, Any]]:
    turns = [{"role": "user", "content": "hi"}]
    if caller == "responses":
        return "/v1/responses", {"model": model, "input": turns, "stream": stream}
    path = "/v1/messages" if caller == "messages" else "/v1/chat/completions"
    return path, {"model": model, "messages": turns, "max_tokens": 64, "stream": stream}


async def call(
    api: aiohttp.ClientSession, caller: str, model: str, stream: bool
) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Status, the error if there is one, and the job."""
    path, body = body_of(caller, model, stream)
    async with api.post(path, json=body) as response:
        text = await response.text()
        job = await get(api, f"/v1/jobs/{response.headers['x-request-id']}")
        return response.status, {} if response.ok else json.loads(text)["error"], job


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("caller", CALLERS)
async def test_a_refusal_is_final_for_who_wrote_the_body_and_else_the_next_target_answers(
    api: aiohttp.ClientSession, caller: str, name: str
) -> None:
    refusal, words = WRONG[name]
    for dialect in DIALECTS:
        for stream in (False, True):
            status, error, job = await call(api, caller, f"{dialect}-{name}", stream)
            outcomes = [each["outcome"] for each in job["attempts"]]
            fault = job["attempts"][0]["error"]["fault"]
            if dialect == caller:
                assert (status, error["message"]) == (refusal.status, words)
                assert (outcomes, fault) == (["failed"], "caller")
            else:
                assert (status, outcomes) == (200, ["failed", "completed"]), error
                assert fault == "broker"
            assert job["attempts"][0]["error"]["message"] == words


@pytest.mark.parametrize("name", GONE)
@pytest.mark.parametrize("caller", CALLERS)
async def test_a_model_that_is_gone_is_passed_over_and_alone_told_in_its_words(
    api: aiohttp.ClientSession, caller: str, name: str
) -> None:
    refusal, words = GONE[name]
    for dialect in DIALECTS:
        for stream in (False, True):
            status, _, job = await call(api, caller, f"{dialect}-{name}", stream)
            assert status == 200
            failed, answered = job["attempts"]
            assert (failed["error"]["fault"], answered["outcome"]) == ("operator", "completed")
            status, error, job = await call(api, caller, f"{dialect}-{name}-alone", stream)
            assert (status, error["message"]) == (refusal.status, words)
            assert error["provider_status"] == refusal.status
            assert len(job["attempts"]) == 1


@pytest.mark.parametrize("caller", CALLERS)
async def test_what_no_target_may_be_asked_again(api: aiohttp.ClientSession, caller: str) -> None:
    for dialect in DIALECTS:
        status, error, job = await call(api, caller, f"{dialect}-long", True)
        assert (status, error["message"]) == (400, "Too long.")
        assert error["code"] == "context_length_exceeded"
        assert len(job["attempts"]) == 1


async def test_the_operator_is_told_why(deployment: Deployment, api: aiohttp.ClientSession) -> None:
    await call(api, "chat", "messages-anthropic-404", False)

    async def told() -> bool:
        providers = {each["id"]: each for each in (await get(api, "/v1/providers"))["data"]}
        targets = {each["model"]: each for each in providers["messages"]["targets"]}
        breaker = targets["anthropic-404"]["breaker"]
        last = breaker["last_failure"]
        if last is None:
            return False
        assert breaker["failed"] > 0
        assert (last["message"], last["provider_status"]) == ("model: claude-old", 404)
        assert (last["fault"], last["at"] > 1.6e9) == ("operator", True)
        return True

    await until(told, 5)

    async def logged() -> bool:
        lines = [each for each in deployment.up.events() if each.get("event") == "target.refused"]
        return any(
            (each["provider"], each["model"], each["provider_status"])
            == ("messages", "anthropic-404", 404)
            for each in lines
        )

    await until(logged, 5)


async def test_the_words_of_one_caller_are_shown_to_no_other(api: aiohttp.ClientSession) -> None:
    """Of a refusal that is not about the operator's model."""
    await call(api, "messages", "messages-busy-alone", False)

    async def told() -> bool:
        providers = {each["id"]: each for each in (await get(api, "/v1/providers"))["data"]}
        targets = {each["model"]: each for each in providers["messages"]["targets"]}
        last = targets["busy"]["breaker"]["last_failure"]
        return last is not None and last["message"] == "The provider answered with status 529."

    await until(told, 5)


async def test_official_sdks_raise_what_the_provider_meant(deployment: Deployment) -> None:
    url = deployment.urls[0]
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as sdk:
        for dialect in DIALECTS:
            with pytest.raises(openai.NotFoundError, match="No endpoints found"):
                await sdk.chat.completions.create(
                    model=f"{dialect}-openrouter-alone",
                    messages=[{"role": "user", "content": "hi"}],
                )
            with pytest.raises(openai.BadRequestError, match=WORDS):
                await sdk.responses.create(model=f"{dialect}-google-alone", input="hi")
    async with anthropic.AsyncAnthropic(base_url=url, api_key="x", max_retries=0) as claude:
        for dialect in DIALECTS:
            with pytest.raises(anthropic.NotFoundError, match="404 Not Found"):
                await claude.messages.create(
                    model=f"{dialect}-nginx-alone",
                    max_tokens=8,
                    messages=[{"role": "user", "content": "hi"}],
                )
            with pytest.raises(anthropic.APIStatusError, match="Full") as caught:
                await claude.messages.create(
                    model=f"{dialect}-busy-alone",
                    max_tokens=8,
                    messages=[{"role": "user", "content": "hi"}],
                )
            assert caught.value.type == "overloaded_error"


async def test_what_is_passed_on_is_judged_alike(api: aiohttp.ClientSession) -> None:
    turns = [{"role": "user", "content": "hi"}]
    counted = {"model": "counted", "messages": turns}
    async with api.post("/v1/messages/count_tokens", json=counted) as response:
        assert response.status == 200
        assert (await response.json())["input_tokens"] > 0
    async with api.post("/v1/embeddings", json={"model": "embedded", "input": "hi"}) as response:
        assert response.status == 200, await response.text()

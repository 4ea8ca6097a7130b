"""Providers behind LiteLLM, in processes that have the extra installed: Bedrock and Vertex AI
from stand-ins that speak their formats, and the simulated provider as any vendor's.
"""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from anthropic import AsyncAnthropic

from rig.program import until
from tests.conftest import lacks
from tests.contract.jobs import act, ended, get, submit
from tests.contract.vendors import WORDS, Vendors
from tests.deployment import Deployment

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-litellm" / "bin" / "python"
WHOLE = "".join(WORDS)
AWS_SECRET, SIM_KEY = "aws-secret-1", "sk-sim-secret-1"
CLAUDE = "anthropic.claude-3"
CONFIG = """
[timeouts]
idle = 0.5

[providers.bedrock]
library = "litellm"
vendor = "bedrock/converse"
base_url = "{vendors}"
options = { aws_region_name = "eu-central-1" }

[providers.vertex]
library = "litellm"
vendor = "vertex_ai"
base_url = "{vendors}"
options = { vertex_project = "p1", vertex_location = "europe-west4" }

[providers.own]
library = "litellm"
vendor = "openai"
base_url = "{sim}"
api_key_env = "OWN_KEY"

[providers.whole]
library = "litellm"
vendor = "openai"
base_url = "{sim}"
api_key_env = "OWN_KEY"
streams = false

[providers.nowhere]
library = "litellm"
vendor = "bedrock/converse"
base_url = "http://127.0.0.1:9"
options = { aws_region_name = "eu-central-1" }

[routes.from-sim]
targets = ["sim/status=500", "bedrock/anthropic.claude-3"]

[routes.shut]
targets = ["bedrock/anthropic.claude-3+shut", "sim/tokens=3,interval=0"]

[routes.reset]
targets = ["bedrock/anthropic.claude-3+reset", "sim/tokens=3,interval=0"]

[routes.narrow]
targets = ["bedrock/anthropic.claude-3", "sim/tokens=3,interval=0"]

[routes.ends]
targets = ["bedrock/anthropic.claude-3+dropafter=5"]
on_loss = "terminate"

[routes.silent]
targets = ["bedrock/anthropic.claude-3+endafter=5"]
on_loss = "terminate"
"""


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    vendors = Vendors()
    yield vendors
    vendors.close()


@pytest.fixture(scope="module")
def broker(vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    if not PYTHON.exists():
        lacks("the extra litellm: scripts/test installs it")
    folder = tmp_path_factory.mktemp("library")
    (folder / ".env").write_text("SHOULD_NOT_BE_READ=1")
    deployment = Deployment(
        folder,
        config=CONFIG.replace("{vendors}", vendors.url),
        env={
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
            "GOOGLE_APPLICATION_CREDENTIALS": str(service_account(folder, vendors)),
            "OWN_KEY": SIM_KEY,
        },
        python=str(PYTHON),
    )
    yield deployment
    deployment.close()


def service_account(folder: Path, vendors: Vendors) -> Path:
    """Credentials of Google's kind, for the stand-in's own token endpoint."""
    made = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    file = folder / "account.json"
    account = {
        "type": "service_account",
        "project_id": "p1",
        "private_key_id": "1",
        "private_key": made.stdout,
        "client_email": "a@p1.example",
        "token_uri": f"{vendors.url}/token",
    }
    file.write_bytes(msgspec.json.encode(account))
    return file


@pytest.fixture
async def api(broker: Deployment) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(broker.urls[0]) as session:
        yield session


async def result(api: aiohttp.ClientSession, rid: str) -> Any:
    return await get(api, f"/v1/jobs/{rid}/result?wait=20")


async def failed(api: aiohttp.ClientSession, model: str, rid: str, **more: Any) -> Any:
    """The error of a job that must fail."""
    body = {"model": model, "messages": [{"role": "user", "content": rid}], **more}
    await act(api, "/v1/jobs", 202, {"request_id": rid, "request": body})
    job = await ended(api, rid)
    assert job["state"] == "failed", job
    return job["error"]


# ── Answers ────────────────────────────────────────────────────────────────────────────


async def test_bedrock_streams(api: aiohttp.ClientSession, vendors: Vendors) -> None:
    await submit(api, f"bedrock/{CLAUDE}", "bedrock-1")
    answer = await result(api, "bedrock-1")
    assert answer["choices"][0]["message"]["content"] == WHOLE
    assert answer["choices"][0]["finish_reason"] == "stop"
    job = await get(api, "/v1/jobs/bedrock-1")
    assert (job["usage"]["prompt_tokens"], job["usage"]["completion_tokens"]) == (11, 20)
    path, body = next(call for call in vendors.calls if "bedrock-1" in str(call[1]))
    assert path == f"/model/{CLAUDE}/converse-stream"
    assert body["messages"] == [{"role": "user", "content": [{"text": "bedrock-1"}]}]


async def test_bedrock_answers_a_caller_of_messages(broker: Deployment) -> None:
    async with (
        AsyncAnthropic(base_url=broker.urls[0], api_key="none", max_retries=0) as client,
        client.messages.stream(
            model=f"bedrock/{CLAUDE}",
            max_tokens=50,
            messages=[{"role": "user", "content": "messages-1"}],
        ) as stream,
    ):
        message = await stream.get_final_message()
    assert [block.text for block in message.content if block.type == "text"] == [WHOLE]
    assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", 20)


async def test_vertex_streams(api: aiohttp.ClientSession, vendors: Vendors) -> None:
    await submit(api, "vertex/gemini-2.0-flash", "vertex-1")
    answer = await result(api, "vertex-1")
    assert answer["choices"][0]["message"]["content"] == WHOLE
    assert answer["usage"]["completion_tokens"] == 20
    place = next(number for number, call in enumerate(vendors.calls) if "vertex-1" in str(call[1]))
    assert "/projects/p1/locations/europe-west4/" in vendors.calls[place][0]
    assert vendors.headers[place]["Authorization"] == "Bearer ya29.test"


@pytest.mark.parametrize("provider", ["own", "whole"])
async def test_a_vendor_of_openais_kind(
    api: aiohttp.ClientSession, broker: Deployment, provider: str
) -> None:
    rid = f"kind-{provider}"
    await submit(api, f"{provider}/tokens=5,interval=0", rid)
    answer = await result(api, rid)
    assert len(answer["choices"][0]["message"]["content"].split()) == 5
    assert answer["usage"]["completion_tokens"] == 5
    assert broker.sim_calls(rid) == 1


async def test_tool_calls_come_through(api: aiohttp.ClientSession) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    body = {"model": "own/tools=1,tokens=8,interval=0", "tools": [tool]}
    body |= {"messages": [{"role": "user", "content": "tools"}]}
    await act(api, "/v1/jobs", 202, {"request_id": "tools-1", "request": body})
    (choice,) = (await result(api, "tools-1"))["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"]["name"]


async def test_usage_that_nobody_gave_is_not_made_up(api: aiohttp.ClientSession) -> None:
    await submit(api, f"bedrock/{CLAUDE}+mute", "mute-1")
    answer = await result(api, "mute-1")
    assert answer["choices"][0]["message"]["content"] == WHOLE
    assert "usage" not in answer
    (attempt,) = (await get(api, "/v1/jobs/mute-1"))["attempts"]
    assert attempt["usage"]["estimated"] is True


# ── Failover and ends ──────────────────────────────────────────────────────────────────


async def test_failover_to_a_library(api: aiohttp.ClientSession) -> None:
    await submit(api, "from-sim", "from-1")
    assert (await result(api, "from-1"))["choices"][0]["message"]["content"] == WHOLE
    assert len((await get(api, "/v1/jobs/from-1"))["attempts"]) == 2


@pytest.mark.parametrize("end", ["shut", "reset"])
async def test_failover_from_a_library_which_called_once(
    api: aiohttp.ClientSession, vendors: Vendors, end: str
) -> None:
    rid = f"to-sim-{end}"
    await submit(api, end, rid)
    assert (await result(api, rid))["choices"][0]["finish_reason"] == "stop"
    first, _ = (await get(api, f"/v1/jobs/{rid}"))["attempts"]
    assert first["error"]["type"] == "provider_cut"
    assert vendors.called(rid) == 1


async def test_no_call_is_made_that_is_not_on_record(
    api: aiohttp.ClientSession, broker: Deployment
) -> None:
    await failed(api, "own/status=500", "on-record")
    assert len((await get(api, "/v1/jobs/on-record"))["attempts"]) == 3
    assert broker.sim_calls("on-record") == 3


@pytest.mark.parametrize("route", ["ends", "silent"])
async def test_a_cut_is_a_cut_even_where_the_library_sees_an_end(
    api: aiohttp.ClientSession, route: str
) -> None:
    error = await failed(api, route, f"cut-{route}")
    assert error["type"] == "provider_cut"
    async with api.get(f"/v1/jobs/cut-{route}/events") as response:
        text = (await response.read()).decode()
    assert "word0 " in text
    assert '"finish_reason":"stop"' not in text


async def test_cancel_closes_the_connection(api: aiohttp.ClientSession, vendors: Vendors) -> None:
    vendors.closed.clear()
    await submit(api, f"bedrock/{CLAUDE}+wait", "cancel-1")
    async with api.get("/v1/jobs/cancel-1/events") as response:
        async for line in response.content:
            if b"word0" in line:
                break
    await act(api, "/v1/jobs/cancel-1/cancel", 200)
    assert until(vendors.closed.is_set, 3)


async def test_cancel_closes_a_connection_that_was_not_answered(
    api: aiohttp.ClientSession, vendors: Vendors
) -> None:
    vendors.closed.clear()
    await submit(api, f"bedrock/{CLAUDE}+stall", "cancel-2")
    assert until(lambda: vendors.called("cancel-2") == 1, 5)
    await act(api, "/v1/jobs/cancel-2/cancel", 200)
    assert until(vendors.closed.is_set, 3)


async def test_silence_is_noticed(api: aiohttp.ClientSession, vendors: Vendors) -> None:
    vendors.closed.clear()
    error = await failed(api, f"bedrock/{CLAUDE}+hang", "hang-1")
    assert (error["type"], error["code"]) == ("provider_timeout", "idle")
    assert until(vendors.closed.is_set, 3)


# ── Refusals ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, "invalid_request_error", False),
        (403, "provider_auth", False),
        (404, "invalid_request_error", False),
        (429, "rate_limit_exceeded", True),
        (500, "provider_error", True),
    ],
)
async def test_refusals_by_status(
    api: aiohttp.ClientSession, status: int, kind: str, retryable: bool
) -> None:
    error = await failed(api, f"bedrock/{CLAUDE}+refuse={status}", f"refuse-{status}")
    assert (error["type"], error["retryable"]) == (kind, retryable)
    assert error["provider_status"] == status
    if kind in ("invalid_request_error", "rate_limit_exceeded"):
        assert error["message"] == "No such thing."


async def test_nobody_there(api: aiohttp.ClientSession) -> None:
    assert (await failed(api, f"nowhere/{CLAUDE}", "nowhere-1"))["type"] == "provider_unreachable"


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("api_base", "http://127.0.0.1:1"),
        ("mock_response", "hi"),
        ("aws_secret_access_key", "x"),
        ("n", 2),
        ("tools", [{"type": "mcp", "server_url": "http://127.0.0.1:1"}]),
    ],
)
async def test_what_the_library_would_take_for_its_own(
    api: aiohttp.ClientSession, vendors: Vendors, param: str, value: Any
) -> None:
    rid = f"own-{param}"
    error = await failed(api, f"bedrock/{CLAUDE}", rid, **{param: value})
    assert (error["code"], error["param"]) == ("unexpressible", param)
    assert vendors.called(rid) == 0


async def test_another_target_is_asked_what_a_library_can_not_be(
    api: aiohttp.ClientSession,
) -> None:
    picture = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/x.png"}}
    body = {"model": "narrow", "messages": [{"role": "user", "content": [picture]}]}
    await act(api, "/v1/jobs", 202, {"request_id": "picture-1", "request": body})
    assert (await result(api, "picture-1"))["choices"][0]["finish_reason"] == "stop"
    first, _ = (await get(api, "/v1/jobs/picture-1"))["attempts"]
    assert first["error"]["param"] == "messages"


async def test_a_parameter_that_a_vendor_has_not(api: aiohttp.ClientSession) -> None:
    error = await failed(api, f"bedrock/{CLAUDE}", "bias-1", logit_bias={"1": 1})
    assert error["code"] == "unexpressible"
    assert "logit_bias" in error["message"]


# ── Discretion ─────────────────────────────────────────────────────────────────────────


async def test_the_log_has_no_prompt_and_no_key(
    api: aiohttp.ClientSession, broker: Deployment
) -> None:
    await failed(api, "own/status=401", "log-PROMPT-1")
    await failed(api, f"bedrock/{CLAUDE}+refuse=500", "log-PROMPT-2")
    log = broker.up.log.read_text()
    for line in log.splitlines():
        assert "log-PROMPT" not in line.replace('"request_id":"log-PROMPT', ""), line
    for secret in (AWS_SECRET, SIM_KEY, "Give Feedback", "LiteLLM"):
        assert secret not in log

"""What each preset really sends: address, headers and body, a row for each."""

import json
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from broker.settings.load import load
from broker.settings.presets import PRESETS
from tests.contract.upstream import PATIENT, Upstream, answer, says, upstream
from workers.providers import Providers
from workers.providers.base import Call, ProviderFailure, Reply

__all__ = ["upstream"]

BEARER = {"authorization": "Bearer sk-dummy"}
STREAM = {"stream_options": {"include_usage": True}}
NEW = {"max_completion_tokens": 9}
OLD = {"max_tokens": 9}
USER = {"user": "u-1"}
TOLD = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
SYSTEM = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
ACCOUNT = {"CLOUDFLARE_ACCOUNT_ID": "acc"}
AZURE = {"AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com/"}
API_KEY = {"api-key": "sk-dummy"}
CALL = {"input": TOLD, "max_output_tokens": 9, "user": "u-1"}
CLOUDFLARE = "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1/chat/completions"

# Each is asked by a caller of responses: where it is sent, with which headers of its own, and
# the body without model and stream.
Row = tuple[str, dict[str, str], str, dict[str, str], dict[str, Any]]
ROWS: list[Row] = [
    (
        "openai",
        {"OPENAI_API_KEY": "sk-dummy"},
        "https://api.openai.com/v1/chat/completions",
        BEARER,
        {"messages": TOLD, **NEW, **USER, **STREAM},
    ),
    (
        "openai-responses",
        {"OPENAI_API_KEY": "sk-dummy"},
        "https://api.openai.com/v1/responses",
        BEARER,
        CALL,
    ),
    (
        "azure",
        {"AZURE_OPENAI_API_KEY": "sk-dummy", **AZURE},
        "https://res.openai.azure.com/openai/v1/chat/completions",
        API_KEY,
        {"messages": TOLD, **NEW, **USER, **STREAM},
    ),
    (
        "azure-responses",
        {"AZURE_OPENAI_API_KEY": "sk-dummy", **AZURE},
        "https://res.openai.azure.com/openai/v1/responses",
        API_KEY,
        CALL,
    ),
    (
        "anthropic",
        {"ANTHROPIC_API_KEY": "sk-dummy"},
        "https://api.anthropic.com/v1/messages",
        {"x-api-key": "sk-dummy", "anthropic-version": "2023-06-01"},
        {
            "max_tokens": 9,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "Hi"}],
            "metadata": {"user_id": "u-1"},
        },
    ),
    (
        "mistral",
        {"MISTRAL_API_KEY": "sk-dummy"},
        "https://api.mistral.ai/v1/chat/completions",
        BEARER,
        {"messages": SYSTEM, **OLD},
    ),
    (
        "groq",
        {"GROQ_API_KEY": "sk-dummy"},
        "https://api.groq.com/openai/v1/chat/completions",
        BEARER,
        {"messages": TOLD, **NEW, **USER, **STREAM},
    ),
    (
        "deepseek",
        {"DEEPSEEK_API_KEY": "sk-dummy"},
        "https://api.deepseek.com/beta/chat/completions",
        BEARER,
        {"messages": SYSTEM, **OLD, **USER, **STREAM},
    ),
    (
        "xai",
        {"XAI_API_KEY": "sk-dummy"},
        "https://api.x.ai/v1/chat/completions",
        BEARER,
        {"messages": SYSTEM, **NEW, **USER, **STREAM},
    ),
    (
        "together",
        {"TOGETHER_API_KEY": "sk-dummy"},
        "https://api.together.ai/v1/chat/completions",
        BEARER,
        {"messages": SYSTEM, **OLD, **USER, **STREAM},
    ),
    (
        "fireworks",
        {"FIREWORKS_API_KEY": "sk-dummy"},
        "https://api.fireworks.ai/inference/v1/chat/completions",
        BEARER,
        {"messages": SYSTEM, **NEW, **USER, **STREAM},
    ),
    (
        "openrouter",
        {"OPENROUTER_API_KEY": "sk-dummy"},
        "https://openrouter.ai/api/v1/chat/completions",
        BEARER,
        {"messages": TOLD, **NEW, **USER, **STREAM},
    ),
    (
        "google",
        {"GEMINI_API_KEY": "sk-dummy"},
        "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse",
        {"x-goog-api-key": "sk-dummy"},
        {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
            "generationConfig": {"maxOutputTokens": 9},
        },
    ),
    (
        "cohere",
        {"CO_API_KEY": "sk-dummy"},
        "https://api.cohere.ai/compatibility/v1/chat/completions",
        BEARER,
        {"messages": TOLD, **OLD},
    ),
    (
        "perplexity",
        {"PERPLEXITY_API_KEY": "sk-dummy"},
        "https://api.perplexity.ai/chat/completions",
        BEARER,
        {"messages": SYSTEM, **OLD, **USER, **STREAM},
    ),
    (
        "huggingface",
        {"HF_TOKEN": "sk-dummy"},
        "https://router.huggingface.co/v1/chat/completions",
        BEARER,
        {"messages": SYSTEM, **OLD, **USER, **STREAM},
    ),
    (
        "cloudflare",
        {"CLOUDFLARE_API_TOKEN": "sk-dummy", **ACCOUNT},
        CLOUDFLARE,
        BEARER,
        {"messages": SYSTEM, **OLD, **USER, **STREAM},
    ),
    (
        "ollama",
        {"OLLAMA_HOST": "localhost"},
        "http://localhost:11434/v1/chat/completions",
        {},
        {"messages": SYSTEM, **OLD, **USER, **STREAM},
    ),
    (
        "vllm",
        {"VLLM_BASE_URL": "http://gpu.example:8000/v1", "VLLM_API_KEY": "sk-dummy"},
        "http://gpu.example:8000/v1/chat/completions",
        BEARER,
        {"messages": SYSTEM, **NEW, **USER, **STREAM},
    ),
]
COMMON = {"host", "content-type", "accept", "accept-encoding", "user-agent", "content-length"}


def test_every_preset_has_a_row() -> None:
    assert [row[0] for row in ROWS] == list(PRESETS)


@pytest.mark.parametrize(("name", "env", "url", "headers", "body"), ROWS, ids=list(PRESETS))
async def test_what_goes_out(
    upstream: Upstream,
    name: str,
    env: dict[str, str],
    url: str,
    headers: dict[str, str],
    body: dict[str, Any],
) -> None:
    sent = await sends(upstream, name, env, "responses", CALL)
    assert sent == (url, headers, body)


async def test_a_caller_of_its_own_dialect_says_what_he_says(upstream: Upstream) -> None:
    env = {"MISTRAL_API_KEY": "sk-dummy"}
    own = {"messages": TOLD, **NEW, **USER, "verbosity": "low", "stream_options": {"other": 1}}
    wants = {**own, "stream_options": {"include_usage": True, "other": 1}}
    # Usage is between the caller and the broker: he gets it where the provider gives it.
    for request in (own, wants):
        _, _, body = await sends(upstream, "mistral", env, "chat", request)
        assert body == own


async def sends(
    upstream: Upstream, name: str, env: dict[str, str], dialect: str, request: dict[str, Any]
) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Where a call would go, with which headers of its provider's own, and its body."""
    upstream.script = says(answer("400 Bad Request", b"{}"))
    settings = load(env=env)
    preset = settings.providers[name]
    public, local = urlsplit(preset.base_url), urlsplit(upstream.url)
    here = public._replace(scheme="http", netloc=local.netloc).geturl()
    moved = {name: msgspec.structs.replace(preset, base_url=here)}
    providers = Providers(msgspec.structs.replace(settings, providers=moved))
    call = Call("r1", "m", {"model": f"{name}/m", **request}, timeouts=PATIENT)
    try:
        async with aclosing(providers.get(name, dialect).stream(call, Reply())) as stream:
            with pytest.raises(ProviderFailure):
                await anext(stream)
    finally:
        await providers.close()
    line, headers, raw = upstream.requests[-1]
    url = public._replace(path="", query="").geturl() + line.split()[1]
    body = json.loads(raw)
    assert body.pop("model", "m") == "m"
    assert body.pop("stream", True) is True
    return url, {key: value for key, value in headers.items() if key not in COMMON}, body

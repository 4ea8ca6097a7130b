"""Vendors and servers that speak OpenAI's chat dialect in their own way."""

import re
from collections.abc import Iterator
from typing import Any

from tests.vendors.openai_chat import COMMON
from tests.vendors.rule import Asked, Rules, objects

_MISTRAL_IDS = "https://github.com/anomalyco/opencode/issues/1680"
_MISTRAL_API = "https://docs.mistral.ai/api/endpoint/chat"
_MISTRAL_ORDER = "https://github.com/nicholasgriffintn/ai-platform/issues/414"
_DEEPSEEK = "https://api-docs.deepseek.com/guides/thinking_mode#tool-calls"
_GROQ = "https://github.com/janhq/jan/issues/8136"
_QWEN = "https://github.com/vllm-project/vllm/issues/41114"
_NINE = re.compile(r"[a-zA-Z0-9]{9}\Z")
_MISTRALS = (  # fields of its ChatCompletionRequest
    *("model", "messages", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed"),
    *("metadata", "response_format", "tools", "tool_choice", "presence_penalty", "n", "guardrails"),
    *("frequency_penalty", "prediction", "parallel_tool_calls", "prompt_mode", "safe_prompt"),
    *("reasoning_effort", "prompt_cache_key", "seed"),
)
_MISTRAL_ROLES = {
    "system": ("role", "content"),
    "user": ("role", "content"),
    "assistant": ("role", "content", "tool_calls", "prefix"),
    "tool": ("role", "content", "tool_call_id", "name"),
}

MISTRAL, DEEPSEEK, GROQ, QWEN = Rules(), Rules(), Rules(), Rules()
for each in (MISTRAL, DEEPSEEK, GROQ, QWEN):
    each.all += COMMON.all


def _messages(asked: Asked) -> list[tuple[str, dict[str, Any]]]:
    return list(objects(asked.body.get("messages"), "messages"))


@MISTRAL.add(
    "ids of calls",
    "Tool call id was call_x but must be a-z, A-Z, 0-9, with a length of 9.",
    _MISTRAL_IDS,
)
def _nine(asked: Asked) -> Iterator[str]:
    for at, message in _messages(asked):
        ids = [call.get("id") for _, call in objects(message.get("tool_calls"), "")]
        for id in (*ids, message.get("tool_call_id")):
            if id is not None and not _NINE.match(id):
                yield at


@MISTRAL.add("fields", "Extra inputs are not permitted", _MISTRAL_API)
def _mistral_fields(asked: Asked) -> Iterator[str]:
    yield from (key for key in asked.body if key not in _MISTRALS)
    for at, message in _messages(asked):
        known = _MISTRAL_ROLES.get(message.get("role", ""))
        if known is None:
            yield f"{at}.role"
        else:
            yield from (f"{at}.{key}" for key in message if key not in known)


@MISTRAL.add("order", "Unexpected role 'user' after role 'tool'", _MISTRAL_ORDER)
def _order(asked: Asked) -> Iterator[str]:
    before = None
    for at, message in _messages(asked):
        role = message.get("role")
        if before == "tool" and role not in ("assistant", "tool"):
            yield at
        before = role


@MISTRAL.add(
    "the last turn",
    "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
    "https://docs.mistral.ai/capabilities/completion/prefix",
)
def _last(asked: Asked) -> Iterator[str]:
    last = _messages(asked)[-1:]
    for at, message in last:
        role = message.get("role")
        if role == "system" or (role == "assistant" and message.get("prefix") is not True):
            yield at


@MISTRAL.add(
    "content",
    "Assistant message must have either content or tool_calls, but not none.",
    _MISTRAL_API,
)
def _something(asked: Asked) -> Iterator[str]:
    for at, message in _messages(asked):
        said = message.get("content") or message.get("tool_calls")
        if message.get("role") == "assistant" and not said:
            yield at


@DEEPSEEK.add(
    "reasoning of calls",
    "Missing `reasoning_content` field in the assistant message at message index 2.",
    _DEEPSEEK,
)
def _reasoning(asked: Asked) -> Iterator[str]:
    """Of each turn of the model since the user last said something, if it made calls."""
    messages = _messages(asked)
    users = [place for place, (_, each) in enumerate(messages) if each.get("role") == "user"]
    for at, message in messages[users[-1] + 1 if users else 0 :]:
        calls = message.get("role") == "assistant" and message.get("tool_calls")
        if calls and not isinstance(message.get("reasoning_content"), str):
            yield at


@DEEPSEEK.add(
    "roles",
    "messages[0].role: unknown variant `developer`, expected one of `system`, "
    "`user`, `assistant`, `tool`",
    "https://api-docs.deepseek.com/api/create-chat-completion",
)
def _roles(asked: Asked) -> Iterator[str]:
    for at, message in _messages(asked):
        if message.get("role") not in ("system", "user", "assistant", "tool"):
            yield f"{at}.role"


@DEEPSEEK.add(
    "text alone",
    "unknown variant `image_url`, expected `text`",
    "https://api-docs.deepseek.com/api/create-chat-completion",
)
def _text_alone(asked: Asked) -> Iterator[str]:
    for place, message in _messages(asked):
        for at, part in objects(message.get("content"), f"{place}.content"):
            if part.get("type") != "text":
                yield at


@GROQ.add(
    "reasoning sent back",
    "'messages.1' : for 'role:assistant' the following must be "
    "satisfied[('messages.1' : property 'reasoning_content' is unsupported)]",
    _GROQ,
)
def _unsupported(asked: Asked) -> Iterator[str]:
    for at, message in _messages(asked):
        for key in ("reasoning_content", "reasoning_details", "refusal", "annotations"):
            if key in message:
                yield f"{at}.{key}"


@QWEN.add("one system message", "System message must be at the beginning.", _QWEN)
def _system(asked: Asked) -> Iterator[str]:
    for at, message in _messages(asked)[1:]:
        if message.get("role") == "system":
            yield at


@QWEN.add(
    "roles",
    "Unexpected message role.",
    "https://huggingface.co/Qwen/Qwen3.5-27B/blob/main/chat_template.jinja",
)
def _template_roles(asked: Asked) -> Iterator[str]:
    for at, message in _messages(asked):
        if message.get("role") not in ("system", "user", "assistant", "tool"):
            yield f"{at}.role"

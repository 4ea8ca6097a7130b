"""Gemini's answers under the names that Google's REST API has for their fields.

Relays that are built on Google's own SDKs write the names of those.
"""

from collections.abc import Iterator
from typing import Any

# By the SDKs' name, the REST API's.
NAMES = {
    "finish_reason": "finishReason",
    "usage_metadata": "usageMetadata",
    "prompt_feedback": "promptFeedback",
    "block_reason": "blockReason",
    "response_id": "responseId",
    "model_version": "modelVersion",
    "function_call": "functionCall",
    "thought_signature": "thoughtSignature",
    "inline_data": "inlineData",
    "file_data": "fileData",
    "prompt_token_count": "promptTokenCount",
    "candidates_token_count": "candidatesTokenCount",
    "thoughts_token_count": "thoughtsTokenCount",
    "total_token_count": "totalTokenCount",
    "cached_content_token_count": "cachedContentTokenCount",
    "tool_use_prompt_token_count": "toolUsePromptTokenCount",
}


def named(fields: dict[str, Any]) -> dict[str, Any]:
    """An object with its own fields renamed; the object itself if none has to be."""
    if fields.keys().isdisjoint(NAMES):
        return fields
    return {NAMES.get(key, key): value for key, value in fields.items()}


def candidates_of(chunk: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The candidates of a renamed chunk, renamed. One was asked for: all are pieces of it.

    Raises:
        TypeError: one is no object.
    """
    candidates = chunk.get("candidates")
    for candidate in candidates if isinstance(candidates, list) else ():
        yield named(_object(candidate))


def parts_of(candidate: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a renamed candidate, renamed; a text is a part of that.

    Raises:
        TypeError: they are none.
    """
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else content
    for part in parts if isinstance(parts, list) else [parts] if parts else ():
        yield {"text": part} if isinstance(part, str) else named(_object(part))


def counts_of(chunk: dict[str, Any]) -> dict[str, Any] | None:
    """What a renamed chunk says of its cost."""
    counts = chunk.get("usageMetadata")
    return named(counts) if isinstance(counts, dict) else None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(value)
    return value

"""Usage: what an answer cost, and how each dialect counts it.

Dialects differ in what a total holds: messages leaves cached tokens out of its input, Gemini
leaves thoughts out of its candidates. Here a total holds all its parts.
"""

from typing import Any

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Tokens. ``cached`` and ``cache_write`` are part of the input, ``reasoning`` of the output.

    ``estimated``: they are our estimate, for the provider's own came no more.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    estimated: bool = False


def _count(fields: Any, *path: str) -> int:
    for key in path:
        fields = fields.get(key) if isinstance(fields, dict) else None
    return fields if isinstance(fields, int) and not isinstance(fields, bool) else 0


def from_chat(fields: dict[str, Any]) -> Usage:
    """Of a chat answer's ``usage``."""
    return Usage(
        input=_count(fields, "prompt_tokens"),
        output=_count(fields, "completion_tokens"),
        cached=_count(fields, "prompt_tokens_details", "cached_tokens"),
        cache_write=_count(fields, "prompt_tokens_details", "cache_write_tokens"),
        reasoning=_count(fields, "completion_tokens_details", "reasoning_tokens"),
    )


def to_chat(usage: Usage) -> dict[str, Any]:
    """In chat's words."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
        **_flag(usage),
    }


def from_messages(fields: dict[str, Any]) -> Usage:
    """Of a message's ``usage``, or of what its parts merge to."""
    cached = _count(fields, "cache_read_input_tokens")
    cache_write = _count(fields, "cache_creation_input_tokens")
    return Usage(
        input=_count(fields, "input_tokens") + cached + cache_write,
        output=_count(fields, "output_tokens"),
        cached=cached,
        cache_write=cache_write,
        reasoning=_count(fields, "output_tokens_details", "thinking_tokens"),
    )


def to_messages(usage: Usage) -> dict[str, Any]:
    """In messages' words. A provider that counts oddly must not make the input negative."""
    return {
        "input_tokens": max(0, usage.input - usage.cached - usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        **_flag(usage),
    }


def from_responses(fields: dict[str, Any]) -> Usage:
    """Of a response's ``usage``."""
    return Usage(
        input=_count(fields, "input_tokens"),
        output=_count(fields, "output_tokens"),
        cached=_count(fields, "input_tokens_details", "cached_tokens"),
        cache_write=_count(fields, "input_tokens_details", "cache_write_tokens"),
        reasoning=_count(fields, "output_tokens_details", "reasoning_tokens"),
    )


def to_responses(usage: Usage) -> dict[str, Any]:
    """In responses' words."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
        **_flag(usage),
    }


def _flag(usage: Usage) -> dict[str, Any]:
    return {"estimated": True} if usage.estimated else {}


def from_gemini(fields: dict[str, Any]) -> Usage:
    """Of Gemini's ``usageMetadata``; what its tools' prompts took is input."""
    thoughts = _count(fields, "thoughtsTokenCount")
    return Usage(
        input=_count(fields, "promptTokenCount") + _count(fields, "toolUsePromptTokenCount"),
        output=_count(fields, "candidatesTokenCount") + thoughts,
        cached=_count(fields, "cachedContentTokenCount"),
        reasoning=thoughts,
    )

"""Usage: what an answer cost, and how each dialect counts it.

Dialects differ in what a total holds: messages leaves cached tokens out of its input, Gemini
leaves thoughts out of its candidates. Here a total holds all its parts. Providers differ too,
whatever dialect they speak: where figures don't agree, ``settled`` finds the convention that
they follow.
"""

from typing import Any

import msgspec

from broker.dialects.neutral.counts import Counts, figure, settled


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


def _usage(counts: Counts) -> Usage:
    return Usage(
        input=counts.input,
        output=counts.output,
        cached=counts.cached,
        cache_write=counts.cache_write,
        reasoning=counts.reasoning,
    )


def _of_openai(fields: dict[str, Any]) -> Usage:
    return _usage(
        settled(
            Counts(
                input=figure(fields, "input"),
                output=figure(fields, "output"),
                cached=figure(fields, "cached"),
                cache_write=figure(fields, "cache_write"),
                reasoning=figure(fields, "reasoning"),
                total=figure(fields, "total"),
            )
        )
    )


def from_chat(fields: dict[str, Any]) -> Usage:
    """Of a chat answer's ``usage``."""
    return _of_openai(fields)


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
    """Of a message's ``usage``, or of what its parts merge to. It has no total.

    Where it has none of the dialect's own words, it follows the others' convention.
    """
    if fields.get("input_tokens") is None and fields.get("prompt_tokens") is not None:
        return _of_openai(fields)
    cached, cache_write = figure(fields, "cached"), figure(fields, "cache_write")
    output, reasoning = figure(fields, "output"), figure(fields, "reasoning")
    return Usage(
        input=figure(fields, "messages_input") + cached + cache_write,
        output=output + reasoning if reasoning > output else output,
        cached=cached,
        cache_write=cache_write,
        reasoning=reasoning,
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
    return _of_openai(fields)


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
    prompt, tools = figure(fields, "gemini_prompt"), figure(fields, "gemini_tools")
    said, thoughts = figure(fields, "gemini_candidates"), figure(fields, "gemini_thoughts")
    total = figure(fields, "gemini_total")
    inside = bool(thoughts) and thoughts <= said and total == prompt + tools + said
    return Usage(
        input=prompt + tools,
        output=said if inside else said + thoughts,
        cached=min(figure(fields, "gemini_cached"), prompt + tools),
        reasoning=thoughts,
    )

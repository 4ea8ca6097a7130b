"""Figures of usage: where they stand, and by which convention they add up.

OpenAI counts reasoning within the completion, and cached tokens within the prompt; the total is
the sum of the two. Others count one of them beside it. Their total tells: it is the sum of what
stands side by side. Figures that contradict each other are never passed on.
"""

from typing import Any

import msgspec

# Where each figure stands, the first place that has it.
PLACES: dict[str, tuple[tuple[str, ...], ...]] = {
    "input": (("prompt_tokens",), ("input_tokens",)),
    "output": (("completion_tokens",), ("output_tokens",)),
    "total": (("total_tokens",),),
    "cached": (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("prompt_cache_hit_tokens",),
        ("cache_read_input_tokens",),
        ("cached_tokens",),
    ),
    "cache_write": (
        ("prompt_tokens_details", "cache_write_tokens"),
        ("input_tokens_details", "cache_write_tokens"),
        ("cache_creation_input_tokens",),
    ),
    "reasoning": (
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "thinking_tokens"),
        ("reasoning_tokens",),
    ),
    "messages_input": (("input_tokens",),),
    "gemini_prompt": (("promptTokenCount",),),
    "gemini_tools": (("toolUsePromptTokenCount",),),
    "gemini_candidates": (("candidatesTokenCount",),),
    "gemini_thoughts": (("thoughtsTokenCount",),),
    "gemini_cached": (("cachedContentTokenCount",),),
    "gemini_total": (("totalTokenCount",),),
}


class Counts(msgspec.Struct, frozen=True):
    """Figures as a provider has them; 0 where it has none."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    total: int = 0


# What may stand beside input and output in a total: the convention that fits first holds.
CONVENTIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("reasoning",),
    ("cached", "cache_write"),
    ("cached",),
    ("cache_write",),
    ("reasoning", "cached", "cache_write"),
    ("reasoning", "cached"),
)
_WHOLES = {"reasoning": "output", "cached": "input", "cache_write": "input"}


def figure(fields: Any, name: str) -> int:
    """A figure, wherever it stands; 0 if it doesn't. Some write it as a float, or as a text."""
    for path in PLACES.get(name, ()):
        found = fields
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        count = _count(found)
        if count is not None:
            return count
    return 0


def settled(counts: Counts) -> Counts:
    """The figures, every part within its whole."""
    for beside in CONVENTIONS:
        if _fits(counts, beside):
            return _within(_added(counts, beside))
    if counts.total > counts.input + counts.output:  # of an answer's parts, some were not told
        return _within(msgspec.structs.replace(counts, output=counts.total - counts.input))
    beside = ("reasoning",) if counts.reasoning > counts.output else ()
    if counts.cached + counts.cache_write > counts.input:
        beside += ("cached", "cache_write")
    return _within(_added(counts, beside))


def _fits(counts: Counts, beside: tuple[str, ...]) -> bool:
    added = _added(counts, beside)
    if added.input + added.output != counts.total:
        return False
    return added.reasoning <= added.output and added.cached + added.cache_write <= added.input


def _added(counts: Counts, beside: tuple[str, ...]) -> Counts:
    wholes = {"input": counts.input, "output": counts.output}
    for name in beside:
        wholes[_WHOLES[name]] += getattr(counts, name)
    return msgspec.structs.replace(counts, **wholes)


def _within(counts: Counts) -> Counts:
    cached = min(counts.cached, counts.input)
    return msgspec.structs.replace(
        counts,
        cached=cached,
        cache_write=min(counts.cache_write, counts.input - cached),
        reasoning=min(counts.reasoning, counts.output),
    )


def _count(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and value >= 0 else None

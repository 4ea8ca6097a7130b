"""What messages providers write, and what it means: the rows that their reader goes by."""

from typing import Literal

Meaning = Literal["end", "stop_sequence", "length", "tool_calls", "filter", "refusal"]

# Reasons to stop, in small letters: Anthropic's own, and those of relays to other dialects.
# ``pause_turn`` is none: the turn is not over, and no other dialect has a word for that.
REASONS: dict[str, Meaning] = {
    "end_turn": "end",
    "stop": "end",
    "end": "end",
    "eos": "end",
    "max_tokens": "length",
    "length": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "content_filter": "filter",
    "content_filtered": "filter",
    "guardrail_intervened": "filter",
}

# Fields of a block's delta that hold more of it, and what that is.
DELTAS = {
    "text": "text",
    "thinking": "thought",
    "partial_json": "arguments",
    "signature": "signature",
}
# Fields of a block, by its type, that hold the beginning of it, and what that is.
BLOCKS: dict[str, tuple[str, str]] = {
    "text": ("text", "text"),
    "output_text": ("text", "text"),
    "thinking": ("thinking", "thought"),
    "reasoning": ("thinking", "thought"),
}
# Blocks that call a function of the caller's.
CALLS = ("tool_use", "function_call")
# Blocks that callers of other dialects can't be given.
UNTOLD_BLOCKS = {"image": "a picture", "document": "a file"}


def meaning(reason: str) -> Meaning | None:
    """What a reason to stop means; None: nobody has heard of it."""
    return REASONS.get(reason) or REASONS.get(reason.lower())

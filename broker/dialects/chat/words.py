"""What chat providers write, and what it means: the rows that the readers of chat go by.

OpenAI's own words, and those that other servers and relays of the dialect send in their place.
Every reader looks a row up when it needs it, so that a row is a rule of its own.
"""

from typing import Literal

Meaning = Literal["end", "stop_sequence", "length", "tool_calls", "filter", "refusal", "fault"]

# Finish reasons, in small letters. ``fault``: the provider itself gave up, and the answer with it.
REASONS: dict[str, Meaning] = {
    "stop": "end",
    "end": "end",
    "eos": "end",
    "eos_token": "end",
    "end_turn": "end",
    "completed": "end",
    "complete": "end",
    "finish": "end",
    "finished": "end",
    "done": "end",
    "normal": "end",
    "stop_sequence": "stop_sequence",
    "length": "length",
    "max_tokens": "length",
    "max_length": "length",
    "max_output_tokens": "length",
    "max_completion_tokens": "length",
    "model_length": "length",
    "token_limit": "length",
    "context_length_exceeded": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "function_calls": "tool_calls",
    "content_filter": "filter",
    "content_filtered": "filter",
    "guardrail_intervened": "filter",
    "sensitive": "filter",
    "safety": "filter",
    "recitation": "filter",
    "blocklist": "filter",
    "prohibited_content": "filter",
    "spii": "filter",
    "refusal": "refusal",
    "error": "fault",
    "abort": "fault",
    "aborted": "fault",
    "cancelled": "fault",
    "canceled": "fault",
    "timeout": "fault",
    "network_error": "fault",
    "insufficient_system_resource": "fault",
    "malformed_function_call": "fault",
}

# Where reasoning stands in a delta, as a text. Two that are equal are one that is told twice.
THOUGHTS = (
    *("reasoning_content", "reasoning", "thinking", "reasoning_text", "thought"),
    "tool_plan",
)
# Fields of a part of a delta, by its type, and what is in it: thought or refusal. Any other
# part is text, in the field of that name.
PARTS: dict[str, tuple[str, str]] = {
    "thinking": ("thinking", "thought"),
    "reasoning": ("reasoning", "thought"),
    "reasoning_content": ("reasoning_content", "thought"),
    "reasoning_text": ("text", "thought"),
    "summary_text": ("text", "thought"),
    "refusal": ("refusal", "refusal"),
}
# What callers of other dialects can't be given, by where it stands in a delta.
UNTOLD = {"images": "a picture", "audio": "sound"}
# The same, by the type of a part of the content.
UNTOLD_PARTS = {
    "image_url": "a picture",
    "image": "a picture",
    "output_image": "a picture",
    "audio": "sound",
    "input_audio": "sound",
    "output_audio": "sound",
    "file": "a file",
}
# Fields of a delta that say nothing of the answer's content.
SILENT = frozenset(
    (
        *("role", "name", "id", "index", "type", "object", "obfuscation", "provider_metadata"),
        *("annotations", "citations", "provider_specific_fields", "tool_call_id", "status"),
        *("logprobs", "finish_reason", "token_ids", "prefix", "matched_stop", "extra_content"),
    )
)
# Where usage stands: in the chunk itself, in its choice, in a vendor's own field.
USAGE = (("usage",), ("choices", 0, "usage"), ("x_groq", "usage"))


def meaning(reason: str) -> Meaning | None:
    """What a finish reason means; None: nobody has heard of it."""
    return REASONS.get(reason) or REASONS.get(reason.lower())

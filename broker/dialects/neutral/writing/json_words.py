"""JSON, asked for in words, of a provider that has no other way."""

from typing import Any

import msgspec

from broker.dialects.neutral.fitting.json_word import JSON_ONLY
from broker.dialects.neutral.request import JsonSchema

__all__ = ["JSON_ONLY", "json_of", "words_of"]


def json_of(schema: Any) -> str:
    """The same of a schema."""
    return f"{JSON_ONLY} It must match this JSON schema: {msgspec.json.encode(schema).decode()}"


def words_of(output: JsonSchema | str | None) -> list[str]:
    """The instructions that ask for this form of an answer; none where nothing is to be asked."""
    if output is None:
        return []
    return [json_of(output.schema) if isinstance(output, JsonSchema) else JSON_ONLY]

"""JSON, asked for in words, of a provider that has no other way."""

from typing import Any

import msgspec

from broker.dialects.neutral.request import JsonSchema

JSON_ONLY = (
    "Answer with a single JSON object and nothing else: no other text before or after it, and no "
    "code fence."
)


def json_of(schema: Any) -> str:
    """The same of a schema."""
    return f"{JSON_ONLY} It must match this JSON schema: {msgspec.json.encode(schema).decode()}"


def words_of(output: JsonSchema | str | None) -> list[str]:
    """The instructions that ask for this form of an answer; none where nothing is to be asked."""
    if output is None:
        return []
    return [json_of(output.schema) if isinstance(output, JsonSchema) else JSON_ONLY]

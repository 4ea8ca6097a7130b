"""JSON schemas: what the vendors refuse of those that a request holds."""

import re
from collections.abc import Iterator
from typing import Any

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
LONG_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}\Z")

# platform.claude.com, "Structured outputs", "JSON Schema limitations"; what Anthropic's own SDK
# takes out of a schema before it sends it (``anthropic.lib._parse._transform``).
_CLAUDE_LACKS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "maxItems", "uniqueItems", "contains"),
    *("minProperties", "maxProperties", "patternProperties", "propertyNames"),
    *("if", "then", "else", "not", "dependentRequired", "unevaluatedProperties"),
)
_CLAUDE_FORMATS = (
    *("date-time", "time", "date", "duration", "email", "hostname", "uri"),
    *("ipv4", "ipv6", "uuid"),
)
_UNIONS = ("anyOf", "oneOf", "allOf")
_INNER = ("items", "additionalProperties", "not")  # keywords that hold one schema


def inner_schemas(schema: Any, at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and all within it, each with its place."""
    if not isinstance(schema, dict):
        return
    yield at, schema
    for key in _INNER:
        yield from inner_schemas(schema.get(key), f"{at}.{key}")
    for key in (*_UNIONS, "prefixItems"):
        found = schema.get(key)
        for place, each in enumerate(found if isinstance(found, list) else ()):
            yield from inner_schemas(each, f"{at}.{key}[{place}]")
    for key in ("properties", "$defs", "definitions"):
        found = schema.get(key)
        for name, each in found.items() if isinstance(found, dict) else ():
            yield from inner_schemas(each, f"{at}.{key}.{name}")


def is_object(schema: Any) -> bool:
    """Whether a schema says at its top that it is of an object."""
    return isinstance(schema, dict) and schema.get("type") == "object"


def has_top_union(schema: Any) -> bool:
    """Whether it is a choice of schemas at its top."""
    return isinstance(schema, dict) and any(key in schema for key in _UNIONS)


def not_for_claude(schema: Any, at: str) -> Iterator[str]:
    """Where Anthropic's structured output would refuse a schema."""
    for place, each in inner_schemas(schema, at):
        for key in _CLAUDE_LACKS:
            if key in each:
                yield f"{place}.{key}: not supported"
        if each.get("minItems", 0) not in (0, 1):
            yield f"{place}.minItems: values other than 0 or 1 are not supported"
        if each.get("format", "date") not in _CLAUDE_FORMATS:
            yield f"{place}.format: not supported"
        if each.get("type") == "object" and each.get("additionalProperties") is not False:
            yield f"{place}: 'additionalProperties' must be explicitly set to false"


def not_strict_for_openai(schema: Any, at: str) -> Iterator[str]:
    """Where OpenAI refuses a schema that is said to be strict."""
    for place, each in inner_schemas(schema, at):
        if each.get("type") == "object":
            if each.get("additionalProperties") is not False:
                yield f"{place}: 'additionalProperties' is required to be supplied and to be false"
            missing = set(each.get("properties") or {}) - set(each.get("required") or ())
            if missing:
                yield f"{place}: 'required' must include every key in properties"
        if "oneOf" in each or "allOf" in each:
            yield f"{place}: 'oneOf' and 'allOf' are not permitted"


def lists_without_items(schema: Any, at: str) -> Iterator[str]:
    """Where a schema of a list says nothing of what is in it."""
    for place, each in inner_schemas(schema, at):
        if each.get("type") == "array" and "items" not in each and "prefixItems" not in each:
            yield f"{place}: array schema missing items"

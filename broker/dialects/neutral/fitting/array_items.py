"""Lists in the schemas of tools, which some vendors want to say what they hold."""

from typing import Any

_MAPS = ("properties", "$defs", "definitions", "patternProperties")  # of schemas, by names
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not", "if", "then", "else")

Schema = dict[str, Any]


def with_items(schema: Schema) -> Schema:
    """The schema, in which a list that says nothing of what it holds may hold anything.

    The same object where there is none.
    """
    found = {key: _within(key, value) for key, value in schema.items()}
    kind = schema.get("type")
    listing = kind == "array" or (isinstance(kind, list) and "array" in kind)
    if listing and schema.keys().isdisjoint(("items", "prefixItems")):
        return {**found, "items": {}}
    return schema if all(found[key] is schema[key] for key in found) else found


def _within(key: str, value: Any) -> Any:
    if isinstance(value, dict) and key in _SINGLE:
        return with_items(value)
    if isinstance(value, dict) and key in _MAPS:
        inner = {name: with_items(v) if isinstance(v, dict) else v for name, v in value.items()}
        return value if all(inner[name] is value[name] for name in inner) else inner
    if isinstance(value, list) and key in _LISTS:
        each = [with_items(v) if isinstance(v, dict) else v for v in value]
        return value if all(old is new for old, new in zip(value, each, strict=True)) else each
    return value

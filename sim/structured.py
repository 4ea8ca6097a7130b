"""Structured output: a JSON value that matches a schema, with the answer's words in its texts.

Every property is there, of each choice the first. What a schema asks of a text beyond its
kind (a pattern, a format) is not looked at. Schemas may refer to themselves: below ``_DEEP``
the last of the alternatives is taken and lists are empty, which ends any that can end.
"""

import json
import math
from typing import Any

from sim.text import decoded, quoted

_DEEP = 5
_DEEPEST = 40


def structured(schema: dict[str, Any], words: list[bytes]) -> list[bytes]:
    """The value's JSON in as many pieces as there are words, or as it has characters."""
    if not words:
        return []
    text = "".join(map(decoded, words)).strip()
    told = json.dumps(_Value(schema, text).of(schema or _ANY), ensure_ascii=False)
    size = -(-len(told) // min(len(words), len(told)))
    return [quoted(told[start : start + size])[1:-1] for start in range(0, len(told), size)]


_ANY: dict[str, Any] = {"type": "object", "properties": {"answer": {"type": "string"}}}


class _Value:
    def __init__(self, root: dict[str, Any], text: str) -> None:
        self._root = root
        self._text = text

    def of(self, schema: Any, depth: int = 0) -> Any:
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return None
        if "const" in schema:
            return schema["const"]
        for name in ("enum", "anyOf", "oneOf"):
            if options := schema.get(name):
                option = options[-1 if depth > _DEEP else 0]
                return option if name == "enum" else self.of(option, depth + 1)
        if "$ref" in schema:
            return self.of(self._found(schema["$ref"]), depth + 1)
        for part in schema.get("allOf", ()):
            schema = {**schema, **part}
        return self._plain(schema, depth)

    def _plain(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                properties = schema.get("properties", {})
                return {name: self.of(each, depth + 1) for name, each in properties.items()}
            case "array":
                count = schema.get("minItems", 0 if depth > _DEEP else 1)
                return [self.of(schema.get("items", {}), depth + 1)] * count
            case "integer":
                return int(_between(schema, 7))
            case "number":
                return _between(schema, 0.5)
            case "boolean":
                return True
            case "null":
                return None
        return self._text

    def _found(self, pointer: str) -> Any:
        place: Any = self._root
        for name in pointer.removeprefix("#").split("/")[1:]:
            place = place.get(name) if isinstance(place, dict) else None
        return place


def _between(schema: dict[str, Any], wish: float) -> float:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    return float(min(max(wish, low), high))

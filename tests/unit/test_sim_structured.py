"""Structured output of the simulated provider: values that match, in pieces."""

import json
from typing import Any

import jsonschema_rs
import pytest

from sim.structured import structured
from sim.text import decoded

WORDS = [b" one", rb" caf\u00e9", " 🚀".encode(), rb" \"two\""]
TEXT = 'one café 🚀 "two"'

TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "left": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "more": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name", "left", "more"],
        }
    },
    "$ref": "#/$defs/node",
}
SCHEMAS: list[dict[str, Any]] = [
    TREE,
    {},
    {"type": "string"},
    {"type": ["integer", "null"], "minimum": 10},
    {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 3},
    {"allOf": [{"type": "object"}, {"properties": {"n": {"type": "number", "maximum": 0}}}]},
    {
        "type": "object",
        "properties": {"kind": {"const": "x"}, "on": {"type": "boolean"}, "no": {"type": "null"}},
        "required": ["kind", "on", "no"],
        "additionalProperties": False,
    },
]


def told(schema: dict[str, Any], words: list[bytes] = WORDS) -> Any:
    return json.loads("".join(map(decoded, structured(schema, words))))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_value_matches_its_schema(schema: dict[str, Any]) -> None:
    jsonschema_rs.validate(schema, told(schema))


def test_texts_have_all_the_words() -> None:
    assert told({}) == {"answer": TEXT}
    assert told(TREE)["name"] == TEXT


def test_it_comes_in_as_many_pieces_as_there_are_words() -> None:
    assert len(structured({}, WORDS)) == len(WORDS)
    assert structured({}, []) == []
    assert "".join(map(decoded, structured({"type": "integer"}, WORDS))) == "7"

"""Schemas as Anthropic takes them: as its own SDK makes them, and refused where that would lie."""

from typing import Any

import anthropic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.dialects.neutral.fitting.closed_schema import NotClosed, closed

Schema = dict[str, Any]
names = st.text("abc", min_size=1, max_size=3)
notes = st.fixed_dictionaries({}, optional={"description": names, "title": names})
strings = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={
        "minLength": st.integers(0, 9),
        "pattern": names,
        "format": st.sampled_from(["date", "uuid", "email", "phone"]),
        "default": names,
    },
)
numbers = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])},
    optional={"minimum": st.integers(), "maximum": st.integers(), "multipleOf": st.integers(1, 9)},
)
literals = st.fixed_dictionaries({"enum": st.lists(names | st.integers(), min_size=1)}) | st.builds(
    lambda value: {"const": value}, names
)
plain = strings | numbers | literals | st.just({"type": "boolean"}) | st.just({"type": "null"})


def objects(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.dictionaries(names, inner, min_size=1, max_size=3).flatmap(
        lambda properties: st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.just(properties)},
            optional={
                "required": st.lists(st.sampled_from(sorted(properties)), unique=True),
                "additionalProperties": st.booleans(),
                "minProperties": st.integers(0, 3),
            },
        )
    )


def lists(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.fixed_dictionaries(
        {"type": st.just("array"), "items": inner},
        optional={"minItems": st.integers(0, 3), "maxItems": st.integers(0, 9)},
    )


def unions(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    variants = st.lists(inner, min_size=1, max_size=3)
    return st.builds(lambda key, each: {key: each}, st.sampled_from(["anyOf", "oneOf"]), variants)


def noted(schema: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.builds(lambda found, more: {**found, **more}, schema, notes)


schemas = st.recursive(
    noted(plain),
    lambda inner: noted(objects(inner) | lists(inner) | unions(inner)),
    max_leaves=6,
)


@settings(max_examples=150)
@given(schemas)
def test_it_is_what_anthropics_sdk_makes_of_it(schema: Schema) -> None:
    found = closed(schema)
    assert found == anthropic.transform_schema(schema)
    assert closed(found) == found


def test_definitions_stay_and_older_ones_are_renamed() -> None:
    port = {"type": "object", "properties": {"name": {"type": "string"}}}
    use = {"type": "object", "properties": {"port": {"$ref": "#/definitions/port"}}}
    found = closed({**use, "definitions": {"port": port}, "$schema": "https://x.example"})
    assert found == {
        "$defs": {"port": {**port, "additionalProperties": False}},
        "type": "object",
        "properties": {"port": {"$ref": "#/$defs/port"}},
        "additionalProperties": False,
    }


def test_several_types_are_one_of_each() -> None:
    found = closed({"type": ["string", "null"], "format": "date", "description": "When"})
    each = [{"type": "string", "format": "date"}, {"type": "null"}]
    assert found == {"anyOf": each, "description": "When"}
    assert closed({"type": ["string", "null"], "enum": ["a", None]}) == {"enum": ["a", None]}


def test_alternatives_say_what_their_object_is() -> None:
    one = {"type": "object", "properties": {"a": {"type": "string"}}}
    found = closed({"type": "object", "anyOf": [one]})
    assert found == {"anyOf": [{**one, "additionalProperties": False}]}


SELF: Schema = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},  # of any keys
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "array", "items": {"type": "object"}},
        {"type": "object", "properties": {"a": True}},
        {"type": "object", "properties": {"a": {}}},
        {"$ref": "https://x.example/schema"},
        {"$ref": "#"},
        {"$ref": "#/$defs/none"},
        {**SELF, "$defs": {"node": SELF}},
        {"type": "news"},
        {"type": 1},
        {"enum": [{}]},
        {},
    ],
)
def test_what_would_mean_something_else_is_not_made(schema: Schema) -> None:
    with pytest.raises(NotClosed):
        closed(schema)


def test_a_deep_one_is_refused() -> None:
    schema: Schema = {"type": "string"}
    for _ in range(300):
        schema = {"type": "array", "items": schema}
    with pytest.raises(NotClosed):
        closed(schema)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | names,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "type",
                        "properties",
                        "items",
                        "anyOf",
                        "enum",
                        "const",
                        "$ref",
                        "$defs",
                        "required",
                        "description",
                        "a",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_nonsense_is_made_or_refused(value: Any) -> None:
    try:
        closed({"type": "object", "properties": {"a": value}})
    except NotClosed:
        return

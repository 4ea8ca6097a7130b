"""JSON schemas as Anthropic takes them for structured outputs and strict tools.

Objects are closed, alternatives are ``anyOf``, and of the constraints only few are known: what else
a schema demands is told to the model in its description, as Anthropic's own SDK does it. A schema
whose meaning that would change can't be said: an object that may have any key would be empty.
"""

from collections.abc import Iterator
from typing import Any

from broker.nesting import DEEPEST, levels

_FORMATS = frozenset(
    (
        *("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6"),
        "uuid",
    )
)
_NOTES = ("$schema", "$id", "$comment")  # of a schema, which demand nothing
_UNIONS = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_DEFINED = ("#/$defs/", "#/definitions/")
_KINDS = ("object", "array", "string", "integer", "number", "boolean", "null")

Schema = dict[str, Any]


class NotClosed(Exception):
    """The schema can't be said so; its text is why."""


def closed(schema: Schema) -> Schema:
    """The schema in these words.

    Raises:
        NotClosed: it means something that they have no word for.
    """
    if levels(schema) > DEEPEST:
        raise NotClosed("the schema is nested too deeply")
    found = _closed(schema)
    _check_references(found)
    return found


def _closed(schema: Any) -> Schema:
    if not isinstance(schema, dict):
        raise NotClosed("a schema of true or false is not taken")
    left = {key: value for key, value in schema.items() if key not in _NOTES}
    found: Schema = {}
    defined = {**_mapping(left.pop("definitions", None)), **_mapping(left.pop("$defs", None))}
    if defined:
        found["$defs"] = {name: _closed(each) for name, each in defined.items()}
    reference = left.pop("$ref", None)
    if reference is not None:
        return {**found, "$ref": _named(reference)}
    kind = left.pop("type", None)
    if isinstance(kind, list):
        return {**found, **_closed_alternatives(kind, left)}
    literal = _literals(left)
    union = next((key for key in _UNIONS if isinstance(left.get(key), list)), None)
    if union is not None:
        variants = left.pop(union)
        found[_UNIONS[union]] = [_closed(each) for each in variants]
    if not literal:
        kind = kind or _kind_of(left)
        if union is None:
            if kind not in _KINDS:
                raise NotClosed("a schema must say its type")
            found["type"] = kind
    found |= literal
    found |= _notes(left)
    if not literal:
        found |= _typed(kind, left, bool(union))
    return _told(found, left)


def _notes(left: Schema) -> Schema:
    """What is said of it, taken out of what is left."""
    return {key: left.pop(key) for key in ("description", "title") if left.get(key) is not None}


def _told(found: Schema, left: Schema) -> Schema:
    """The schema, in whose description the rest of its demands stands."""
    if not left:
        return found
    told = "{" + ", ".join(f"{key}: {value}" for key, value in left.items()) + "}"
    about = found.get("description")
    return {**found, "description": told if about is None else f"{about}\n\n{told}"}


def _mapping(value: Any) -> Schema:
    return value if isinstance(value, dict) else {}


def _named(reference: Any) -> str:
    """A reference within the schema.

    Raises:
        NotClosed: it is one to elsewhere, or to the whole of it.
    """
    for prefix in _DEFINED:
        if isinstance(reference, str) and reference.startswith(prefix):
            return _DEFINED[0] + reference.removeprefix(prefix)
    raise NotClosed("a schema can refer to its own definitions only")


def _closed_alternatives(kinds: list[Any], left: Schema) -> Schema:
    """A schema of several types, as one of each."""
    about = _notes(left)
    literal = _literals(left)
    if literal:  # these are the types' values already
        return _closed({**literal, **left, **about})
    variants = [_closed({"type": kind, **(left if kind != "null" else {})}) for kind in kinds]
    return {"anyOf": variants, **about}


def _literals(left: Schema) -> Schema:
    """The values that it must be one of, taken out of what is left."""
    found: Schema = {}
    values = left.get("enum")
    if isinstance(values, list) and values and all(map(_is_plain, values)):
        found["enum"] = left.pop("enum")
    if "const" in left and _is_plain(left["const"]):
        found["const"] = left.pop("const")
    return found


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _kind_of(left: Schema) -> str | None:
    """The type of a schema that says it by what it demands only."""
    if isinstance(left.get("properties"), dict):
        return "object"
    return "array" if isinstance(left.get("items"), dict) else None


def _typed(kind: Any, left: Schema, within_union: bool) -> Schema:
    """What the words of a type demand, taken out of what is left."""
    if kind == "object" and within_union and not left.get("properties"):
        left.pop("additionalProperties", None)  # the alternatives say it
    elif kind == "object":
        named = left.pop("properties", None)
        properties, others = _mapping(named), left.pop("additionalProperties", None)
        if not properties and (others or (others is None and named is None)):
            raise NotClosed("an object must name its properties")
        required = left.pop("required", None)
        found: Schema = {
            "properties": {key: _closed(each) for key, each in properties.items()},
            "additionalProperties": False,
        }
        return found if required is None else {**found, "required": required}
    elif kind == "string" and "format" in left:
        form = left.pop("format")
        if form in _FORMATS:
            return {"format": form}
        left["format"] = form
    elif kind == "array":
        found = {}
        if left.get("items") is not None:
            found["items"] = _closed(left.pop("items"))
        if "minItems" in left:
            least = left.pop("minItems")
            (found if least in (0, 1) else left)["minItems"] = least
        return found
    return {}


def _check_references(schema: Schema) -> None:
    """Raise NotClosed if a definition refers to itself, or to one that is not there."""
    defined: Schema = dict(_definitions(schema))
    uses = {name: frozenset(_uses(each)) for name, each in defined.items()}
    if any(name not in uses for name in _uses(schema)):
        raise NotClosed("a schema can refer to its own definitions only")
    while leaves := [name for name, used in uses.items() if not used & uses.keys()]:
        for name in leaves:
            del uses[name]
    if uses:
        raise NotClosed("a schema that contains itself is not taken")


def _definitions(schema: Any) -> Iterator[tuple[str, Any]]:
    for each in _inner(schema):
        yield from _mapping(each.get("$defs")).items()


def _uses(schema: Any) -> Iterator[str]:
    for each in _inner(schema):
        if isinstance(reference := each.get("$ref"), str):
            yield reference.removeprefix(_DEFINED[0])


def _inner(value: Any) -> Iterator[Schema]:
    """All objects within a value, itself among them."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _inner(each)
    elif isinstance(value, list):
        for each in value:
            yield from _inner(each)

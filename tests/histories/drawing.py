"""What a caller asks for beside the conversation: drawn, in no dialect's words."""

import random
from dataclasses import dataclass, field
from typing import Any

PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = "JVBERi0xLjQKJSVFT0YK"
Schema = dict[str, Any]
_PORT: Schema = {"type": "object", "properties": {"port": {"type": "string"}}}
_NESTED: Schema = {
    "type": "object",
    "properties": {
        "port": {"type": "string", "minLength": 2, "description": "Where"},
        "when": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
        "depths": {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 2},
    },
    "required": ["port"],
}
_STRICT: Schema = {**_PORT, "required": ["port"], "additionalProperties": False}
_PLAIN: Schema = {
    "type": "object",
    "properties": {"tide": {"type": "string"}, "metres": {"type": "number"}},
    "required": ["tide", "metres"],
    "additionalProperties": False,
}
_BOUND: Schema = {
    "type": "object",
    "description": "A tide",
    "properties": {
        "tide": {"type": "string", "minLength": 1, "maxLength": 9},
        "metres": {"type": "number", "minimum": 0, "exclusiveMaximum": 20},
        "at": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "string",
               "format": "hostname"}}}, "maxItems": 3, "minItems": 2},
    },
    "required": ["tide"],
}  # fmt: skip


@dataclass
class Tool:
    """A tool; a ``schema`` of None is left out where the dialect lets it."""

    name: str
    schema: dict[str, Any] | None
    about: str | None = "Looks up."
    strict: bool | None = None


@dataclass
class Wishes:
    """Everything else of a call."""

    system: str | None = None
    twice: bool = False  # in chat: another system message behind it, under another role
    tools: list[Tool] = field(default_factory=list)
    choice: str | None = None  # auto, none, required, or a tool's name
    parallel: bool | None = None
    effort: str | None = None
    budget: int | None = None
    off: bool = False  # no thinking, in messages; elsewhere that is an effort
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    limit: int | None = None
    stop: list[str] = field(default_factory=list)
    output: dict[str, Any] | str | None = None  # a schema, or "json"
    user: str | None = None
    seed: int | None = None
    verbosity: str | None = None


def draw_wishes(dice: random.Random, dialect: str) -> Wishes:
    """Mostly what every vendor takes; now and then what some don't."""
    found = Wishes(system=dice.choice([None, "Be brief.", "Be brief. Answer in JSON if asked."]))
    found.twice = dice.random() < 0.1
    if dice.random() < 0.85:
        found.tools = _tools(dice, dialect)
        found.choice = dice.choice([None, None, "auto", "auto", "required", found.tools[0].name])
        found.parallel = dice.choice([None, None, None, True, False])
    found.limit = dice.choice([None, 4096, 4096, 20000, 1500, 5])
    if dialect == "messages":
        found.limit = found.limit or 4096
    if dice.random() < 0.4:
        _thinking(dice, dialect, found)
    _sample(dice, dialect, found)
    if dice.random() < 0.2:
        found.output = dice.choice([_PLAIN, _BOUND])
        if dialect != "messages" and found.system and "JSON" in found.system:
            found.output = dice.choice([_PLAIN, _BOUND, None]) or "json"
    if dice.random() < 0.2:
        found.user = dice.choice(["bob", "user_" + "7" * 58])
        if dialect == "messages":
            found.user = dice.choice(["bob", "user_" + "7" * 145])
    return found


def _sample(dice: random.Random, dialect: str, found: Wishes) -> None:
    """Now and then some settings of how words are chosen, and where to stop."""
    if dice.random() < 0.25:
        found.temperature = dice.choice([1.0, 0.3, 0.0])
    if dice.random() < 0.1:
        found.top_p = dice.choice([0.9, 0.99])
    if dice.random() < 0.1 and dialect == "messages":
        found.top_k = 20
    if dice.random() < 0.15 and dialect != "responses":
        found.stop = dice.choice([["END"], ["END", "\n\n", "a", "b"], ["FIN"]])
        if dialect == "messages":
            found.stop = ["END"]
    if dice.random() < 0.05 and dialect == "chat":
        found.seed = 0
    if dice.random() < 0.05 and dialect != "messages":
        found.verbosity = dice.choice(["low", "medium"])


def _tools(dice: random.Random, dialect: str) -> list[Tool]:
    names = ["tide", "wind", "read_file", "mcp__harbour__list-ships"]
    if dialect == "messages" and dice.random() < 0.15:
        names.append(
            "mcp__harbour_master_of_bergen__list_all_ships_that_are_in_port_at_" + "n" * 20
        )
    dice.shuffle(names)
    schemas: list[Schema | None] = [_PORT, _PORT, _NESTED, _NESTED]
    odd: list[Schema | None] = [{"type": "object"}, {"type": "object", "properties": {}}]
    if dialect != "messages":  # which takes neither
        odd += [{}, {"properties": {"port": {"type": "string"}}}]
    if dialect == "chat":
        odd.append(None)
    found = []
    for name in names[: dice.choice([1, 2, 3, 5])]:
        schema = dice.choice(odd) if dice.random() < 0.2 else dice.choice(schemas)
        strict = None
        if dice.random() < 0.1:
            schema, strict = _STRICT, True
        found.append(Tool(name, schema, dice.choice(["Looks up.", None]), strict))
    return found


def _thinking(dice: random.Random, dialect: str, found: Wishes) -> None:
    if dialect == "messages" and dice.random() < 0.15:
        found.off = True
        return
    if dialect == "messages" and dice.random() < 0.5:
        found.budget = dice.choice([1024, 4000])
        found.limit = max(found.limit or 0, 8192)
        return
    efforts = ["low", "medium", "high", "high"]
    if dice.random() < 0.2:
        efforts = ["max", "xhigh"] if dialect == "messages" else ["minimal", "none", "xhigh"]
    found.effort = dice.choice(efforts)

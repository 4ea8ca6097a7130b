"""Tools as a vendor takes them: their number, their names and the schemas of their arguments."""

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec

from broker.dialects.neutral.fitting.array_items import with_items
from broker.dialects.neutral.fitting.closed_schema import NotClosed, closed
from broker.dialects.neutral.fitting.effort import forces_a_tool
from broker.dialects.neutral.losing import lose, lose_setting
from broker.dialects.neutral.request import Message, Named, Part, Request, Tool, ToolCall
from broker.loss import Loss
from broker.settings.takes import Takes

_OTHER = re.compile(r"[^A-Za-z0-9_-]")
_TAKEN = re.compile(r"[A-Za-z0-9_-]+")
_HASHED = 10  # characters of a hash
_UNIONS = ("anyOf", "oneOf", "allOf")


def with_fitting_tools(request: Request, takes: Takes) -> Request:
    """The request with tools that the vendor takes, under names that it takes.

    Raises:
        Unexpressible: there are too many, and nobody collects losses.
    """
    tools = tuple(_tool(tool, place, takes) for place, tool in enumerate(request.tools))
    if takes.tools_most is not None and len(tools) > takes.tools_most:
        lose(Loss("tools", f"it takes {takes.tools_most} at most", str(len(tools)), "value"))
    names = renamed(request, takes)
    if not names:
        return msgspec.structs.replace(request, tools=tools) if tools else request
    choice = request.tool_choice
    if isinstance(choice, Named):
        choice = Named(names.get(choice.name, choice.name))
    return msgspec.structs.replace(
        request,
        tools=tuple(
            msgspec.structs.replace(tool, name=names.get(tool.name, tool.name)) for tool in tools
        ),
        tool_choice=choice,
        messages=tuple(_message(message, names) for message in request.messages),
    )


def with_fitting_choice(request: Request, takes: Takes) -> Request:
    """The request with a tool choice that the model takes.

    Raises:
        Unexpressible: it takes none that insists on a call, and nobody collects losses.
    """
    if takes.forced_tool is not False or not forces_a_tool(request):
        return request
    choice = request.tool_choice
    told = choice.name if isinstance(choice, Named) else choice
    lose_setting("tool_choice", told, "this model can't be made to call a tool", kind="value")
    return msgspec.structs.replace(request, tool_choice="auto")


def renamed(request: Request, takes: Takes) -> dict[str, str]:
    """The names of tools that the vendor does not take, each with the one in its place.

    It is made of the name alone, so that it is the same in every turn.
    """
    most = takes.tool_name_most
    if most is None:
        return {}
    first = "_" if takes.tool_name_letter else ""
    found: dict[str, str] = {}
    for name in _names(request):
        begins = not first or name[:1] == "_" or name[:1].isalpha()
        if name not in found and not (begins and len(name) <= most and _TAKEN.fullmatch(name)):
            digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASHED]
            kept = ("" if begins else first) + _OTHER.sub("_", name)
            found[name] = f"{kept[: most - _HASHED - 1]}_{digest}"
    return found


def _names(request: Request) -> Iterator[str]:
    for tool in request.tools:
        yield tool.name
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                yield part.name


def _message(message: Message, names: dict[str, str]) -> Message:
    if message.role != "assistant":
        return message
    parts: tuple[Part, ...] = tuple(
        msgspec.structs.replace(part, name=names.get(part.name, part.name))
        if isinstance(part, ToolCall)
        else part
        for part in message.parts
    )
    return msgspec.structs.replace(message, parts=parts)


def _tool(tool: Tool, place: int, takes: Takes) -> Tool:
    schema, strict = tool.schema, tool.strict
    if takes.tool_schemas and schema is None:
        schema = {}
    if takes.typed_schemas and schema is not None:
        schema = _typed(schema)
    if takes.array_items and schema is not None:
        schema = with_items(schema)
    if takes.root_unions is False and schema is not None:
        schema = _merged(schema)
    if takes.closed_schemas and strict and schema is not None:
        try:
            schema = closed(schema)
        except NotClosed as error:
            lose(Loss(f"tools[{place}].strict", str(error), "true", "value", setting="json_schema"))
            strict = None
    if schema is tool.schema and strict is tool.strict:
        return tool
    return msgspec.structs.replace(tool, schema=schema, strict=strict)


def _typed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, which says that it is an object's: a tool's arguments are nothing else."""
    if schema.get("type") == "object":
        return schema
    rest = {key: value for key, value in schema.items() if key != "type"}
    return {"type": "object", **({} if rest else {"properties": {}}), **rest}


def _merged(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without alternatives at its top: the properties of all of them, of which those
    are required that each requires; the description has the alternatives themselves."""
    unions = {key: schema[key] for key in _UNIONS if isinstance(schema.get(key), list)}
    if not unions:
        return schema
    found = {key: value for key, value in schema.items() if key not in unions}
    properties: dict[str, Any] = {}
    needed = [_required(schema)]
    for key, variants in unions.items():
        objects = [each for each in variants if isinstance(each, dict)]
        for each in objects:
            inner = each.get("properties")
            properties |= inner if isinstance(inner, dict) else {}
        each_needs = [_required(each) for each in objects]
        if each_needs:
            both = set.union if key == "allOf" else set.intersection
            needed.append(both(*each_needs))
    own = found.get("properties")
    properties |= own if isinstance(own, dict) else {}
    required = sorted(set.union(*needed) & set(properties))
    told = msgspec.json.encode(unions).decode()
    about = found.get("description")
    found |= {"type": "object", "properties": properties}
    found["description"] = f"{about}\n\n{told}" if isinstance(about, str) and about else told
    if required:
        found["required"] = required
    return found


def _required(schema: dict[str, Any]) -> set[str]:
    names = schema.get("required")
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()

"""The tools of a responses request, read, and the choice among them: see ``neutral.given``.

Harmless to leave out of a tool: when it is shown to the model (``defer_loading``: here always), a
schema of what it gives (``output_schema``), and who may call it, if the model may.
"""

import json
from typing import Any

from broker.dialects.neutral.fields import Fields, fields_of, malformed
from broker.dialects.neutral.given import INPUT, LEFT_OUT, SEARCH, Given, Kind, Names
from broker.dialects.neutral.reading.chat_request import tool_of
from broker.dialects.neutral.request import Named, Tool

class Tools:
    """Reads a request's tools; ``names`` are those of its functions."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._found: list[Tool] = []

    @property
    def found(self) -> tuple[Tool, ...]:
        """The functions so far."""
        return tuple(self._found)

    def read_more(self, value: Any, path: str) -> list[Tool]:
        """Read a list that came later, and add what is new of it: a search may find a tool again.

        Raises:
            Unexpressible, BadRequest: as ``responses_request.read``.
        """
        before = self._found
        self._found = []
        self.read(value, path)
        told, known = self._found, {tool.name for tool in before}
        self._found = [*before, *(tool for tool in told if tool.name not in known)]
        return told

    def read(self, value: Any, path: str) -> None:
        """Read a list of tools.

        Raises:
            Unexpressible, BadRequest: as ``responses_request.read``.
        """
        for fields in fields_of(value, path):
            kind = fields.any("type")
            match kind:
                case "namespace":
                    self._namespace(fields)
                    continue
                case "tool_search" if fields.any("execution") == "client":
                    self._add(_search(fields, self._names))
                case "tool_search":  # all that it could find is told from the start
                    fields.ignore("description", "parameters")
                case str() if kind == LEFT_OUT:
                    pass
                case _:
                    self._add(self._tool(fields, kind, None, ""))
            fields.ignore_starting("internal_").close()

    def _namespace(self, fields: Fields) -> None:
        name, about = fields.need("name"), fields.text("description") or ""
        for inner in fields.each("tools"):
            self._add(self._tool(inner, inner.any("type"), name, about))
            inner.ignore_starting("internal_").close()
            about = ""  # said once
        fields.ignore_starting("internal_").close()

    def _tool(self, fields: Fields, kind: Any, namespace: str | None, about: str) -> Tool:
        fields.ignore("defer_loading", "output_schema").only("async", False)
        callers = fields.texts("allowed_callers")
        if callers and "direct" not in callers:
            raise fields.unexpressible("allowed_callers", "the model itself must be one")
        match kind:
            case "custom":
                tool = _custom(fields)
            case "function" | None:
                tool = tool_of(fields.ignore_starting("internal_"))
            case _:
                raise fields.unexpressible(
                    "type", f"{kind!r} is a tool that its provider runs; drop_tools leaves it out"
                )
        given: Kind = "custom" if kind == "custom" else "function"
        said = [f"({namespace}: {about})"] if about else []
        told = "\n\n".join([*([tool.description] if tool.description else []), *said])
        name = self._names.of(Given(given, tool.name, namespace))
        return Tool(name, told or None, tool.schema, tool.strict)

    def _add(self, tool: Tool) -> None:
        self._found.append(tool)


def _custom(fields: Fields) -> Tool:
    name, about = fields.need("name"), fields.text("description") or ""
    form = fields.inner("format")
    rule = ""
    if form is not None:
        if form.word("type", ("text", "grammar")) == "grammar":
            syntax = form.word("syntax", ("lark", "regex"))
            definition = form.need("definition")
            kind = "regular expression" if syntax == "regex" else "Lark grammar"
            rule = f"The input must match this {kind}:\n{definition}"
        form.close()
    schema = {
        "type": "object",
        "properties": {INPUT: {"type": "string", "description": "The tool's input, as it is."}},
        "required": [INPUT],
        "additionalProperties": False,
    }
    return Tool(name, "\n\n".join(filter(None, (about, rule))) or None, schema)


def _search(fields: Fields, names: Names) -> Tool:
    about, schema = fields.text("description"), fields.mapping("parameters")
    return Tool(names.of(Given("search", SEARCH)), about, schema)


def tool_choice(fields: Fields, names: Names, tools: tuple[Tool, ...]) -> tuple[Any, Any]:
    """The choice, and the tools that are left to choose from."""
    choice = fields.any("tool_choice")
    if not isinstance(choice, dict):
        asked = Fields({"tool_choice": choice})
        return asked.word("tool_choice", ("auto", "none", "required")), tools
    inner = Fields(choice, "tool_choice")
    if inner.any("type") == "allowed_tools":
        mode = inner.word("mode", ("auto", "required"))
        allowed = {_named(each, names) for each in inner.each("tools")}
        inner.close()
        left = tuple(tool for tool in tools if tool.name in allowed)
        if not left and mode == "required":
            raise inner.unexpressible("tools", "none of them is offered")
        return mode, left
    return Named(_named(Fields(choice, "tool_choice"), names)), tools


def _named(fields: Fields, names: Names) -> str:
    kind: Kind = "custom" if fields.word("type", ("function", "custom")) == "custom" else "function"
    found = names.of(Given(kind, fields.need("name"), fields.text("namespace")))
    fields.close()
    return found


def custom_arguments(text: str) -> str:
    """The arguments of the function that stands for a custom tool, called with this input."""
    return json.dumps({INPUT: text}, ensure_ascii=False)


def search_arguments(fields: Fields) -> str:
    """The arguments of a search that the client was asked for."""
    value = fields.any("arguments")
    if isinstance(value, str):
        return value or "{}"
    if not isinstance(value, dict | None):
        raise malformed(fields.where("arguments"), "an object")
    return json.dumps(value or {}, ensure_ascii=False)

"""The tools of a responses request, read, and the choice among them: see ``neutral.given``.

Harmless to leave out of a tool: when it is shown to the model (``defer_loading``: here always), a
schema of what it gives (``output_schema``), and who may call it, if the model may.
"""

import json
from typing import Any

from broker.dialects.neutral.dropping import is_dropped
from broker.dialects.neutral.fields import Fields, fields_of, malformed
from broker.dialects.neutral.given import INPUT, SEARCH, Given, Kind, Names
from broker.dialects.neutral.losing import attempt, lose, parts_of, terms
from broker.dialects.neutral.reading.chat_request import tool_of
from broker.dialects.neutral.request import Named, Tool
from broker.loss import Loss, shown

_HOSTED = "its provider runs it (drop_tools of the route leaves it out)"


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
            BadRequest: as ``read``.
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
            BadRequest: it is none, or one of them is no tool.
        """
        for found in parts_of(fields_of(value, path), self._each):
            self._found += found

    def _each(self, fields: Fields) -> list[Tool]:
        """The functions that a tool stands for.

        Raises:
            Unexpressible: it can be none.
        """
        found: list[Tool] = []
        match kind := fields.any("type"):
            case "namespace":
                found = self._namespace(fields)
            case "tool_search" if fields.any("execution") == "client":
                about, schema = fields.text("description"), fields.mapping("parameters")
                found = [Tool(self._names.of(Given("search", SEARCH)), about, schema)]
            case "tool_search":  # all that it could find is told from the start
                fields.ignore("description", "parameters")
            case "function" | "custom" | None:
                found = [self._tool(fields, kind, None, "")]
            case _ if is_dropped(kind, terms()):
                lose(Loss(fields.where("type"), "", shown(kind)), told=True)
                return []
            case _:
                raise fields.unexpressible("type", _HOSTED, kind, setting="hosted_tools")
        fields.close()
        return found

    def _namespace(self, fields: Fields) -> list[Tool]:
        name, about = fields.need("name"), fields.text("description") or ""
        found: list[Tool] = []
        for inner in fields.each("tools"):
            kind = inner.any("type")
            if kind not in ("function", "custom", None):
                raise inner.unexpressible("type", value=kind, setting="hosted_tools")
            found.append(self._tool(inner, kind, name, "" if found else about))  # said once
            inner.close()
        return found

    def _tool(self, fields: Fields, kind: Any, namespace: str | None, about: str) -> Tool:
        fields.ignore("defer_loading", "output_schema").only("async", False)
        callers = fields.texts("allowed_callers")
        if callers and "direct" not in callers:
            raise fields.unexpressible("allowed_callers", "the model itself must be one")
        tool = _custom(fields) if kind == "custom" else tool_of(fields)
        given: Kind = "custom" if kind == "custom" else "function"
        said = f"({namespace}: {about})" if about else None
        told = "\n\n".join(filter(None, (tool.description, said)))
        name = self._names.of(Given(given, tool.name, namespace))
        return Tool(name, told or tool.description, tool.schema, tool.strict)


def _custom(fields: Fields) -> Tool:
    name, about = fields.need("name"), fields.text("description") or ""
    form = fields.inner("format")
    rule = ""
    if form is not None:
        if form.word("type", ("text", "grammar"), "hosted_tools") == "grammar":
            syntax = form.word("syntax", ("lark", "regex"), "hosted_tools")
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


def tool_choice(fields: Fields, names: Names, tools: tuple[Tool, ...]) -> tuple[Any, Any]:
    """The choice, and the tools that are left to choose from."""
    choice = fields.any("tool_choice")
    if not isinstance(choice, dict):
        asked = Fields({"tool_choice": choice})
        return asked.wish("tool_choice", ("auto", "none", "required")), tools
    return attempt(_chosen, choice, names, tools) or (None, tools)


def _chosen(choice: dict[str, Any], names: Names, tools: tuple[Tool, ...]) -> tuple[Any, Any]:
    inner = Fields(choice, "tool_choice")
    if inner.peek("type") != "allowed_tools":
        return Named(_named(inner, names)), tools
    inner.ignore("type")
    mode = inner.word("mode", ("auto", "required"), "tool_choice")
    allowed = set(parts_of(inner.each("tools"), lambda each: _named(each, names)))
    inner.close()
    left = tuple(tool for tool in tools if tool.name in allowed)
    if not left and mode == "required":
        raise inner.unexpressible("tools", "none of them is offered", setting="tool_choice")
    return mode, left


def _named(fields: Fields, names: Names) -> str:
    kind = fields.word("type", ("function", "custom"), "tool_choice")
    given: Kind = "custom" if kind == "custom" else "function"
    found = names.of(Given(given, fields.need("name"), fields.text("namespace")))
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

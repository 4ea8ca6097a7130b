"""System turns of messages requests: instructions in mid-conversation, and changes of the tools.

A turn says its texts, and which tools the model may call from there on. Other dialects have one
list of tools for the whole call: it becomes the list as it is at the end, and each change is
said as a text in its place: the model reads there why an earlier call is no longer possible.

``clear_at`` is honoured: what is shown until the next user message only is gone where there is one.
"""

from collections.abc import Callable
from typing import Any

from broker.dialects.neutral.fields import Fields, fields_of, malformed
from broker.dialects.neutral.request import Message, Text, Tool

ADDED = "The tool {!r} can be called from here on."
REMOVED = "The tool {!r} can't be called from here on."


class SystemTurns:
    """The system turns of one request, in their order. ``read_tool`` reads a tool's definition."""

    def __init__(self, read_tool: Callable[[Fields], Tool]) -> None:
        self._read_tool = read_tool
        self._removed: set[str] = set()
        self._defined: dict[str, Tool] = {}
        self.effort: Any = None  # the last that a turn asks for

    def read(self, fields: Fields, *, last: bool) -> Message | None:
        """One turn; None if it has no text. ``last``: no user message comes after it.

        Raises:
            Unexpressible, BadRequest.
        """
        brief = fields.word("clear_at", ("never", "next_user_message")) == "next_user_message"
        if (output := fields.inner("output_config")) is not None:
            effort = output.word("effort", ("low", "medium", "high", "xhigh", "max"))
            output.close()
            self.effort = effort if last and effort else self.effort
        texts: list[str] = []
        content = fields.any("content")
        if isinstance(content, str):
            texts.append(content)
        else:
            for block in fields_of(content, fields.where("content")):
                text = self._block(block.ignore("cache_control"))
                block.close()
                if text is not None:
                    texts.append(text)
        fields.close()
        shown = tuple(Text(text) for text in texts if text and (last or not brief))
        return Message("system", shown) if shown else None

    def applied(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """The tools as they are after all turns."""
        left = tuple(tool for tool in tools if tool.name not in self._defined)
        found = (*left, *self._defined.values())
        return tuple(tool for tool in found if tool.name not in self._removed)

    def _block(self, fields: Fields) -> str | None:
        kind = fields.any("type")
        if kind == "text":
            return fields.ignore("citations").need("text")
        if kind not in ("tool_addition", "tool_removal"):
            raise fields.unexpressible("type", value=kind)
        tool = fields.inner("tool")
        if tool is None:
            raise malformed(fields.where("tool"), "an object")
        words = ("tool_reference", *(("tool_definition",) if kind == "tool_addition" else ()))
        match tool.word("type", words):
            case "tool_reference":
                name = tool.need("name")
            case "tool_definition":
                inner = tool.inner("definition")
                if inner is None:
                    raise malformed(tool.where("definition"), "an object")
                made = self._read_tool(inner)
                name = made.name
                self._defined[name] = made
            case _:
                return None
        tool.close()
        if kind == "tool_removal":
            self._removed.add(name)
            return REMOVED.format(name)
        self._removed.discard(name)
        return ADDED.format(name)

"""Tools of the responses dialect that no other has, told as functions, and their calls told back.

    namespace   its tools, each under its own name with the namespace's in front
    custom      a function of one argument, ``input``, which is the tool's whole input
    tool_search (that the client runs) a function of that name; what it finds can be called from
                then on, like any other tool

Names of functions are 64 letters, digits, ``_`` and ``-`` at most. What does not fit, or is taken,
is shortened and told apart by a hash of what it stands for, so that it is the same in every turn.
"""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, Literal

import msgspec

Kind = Literal["function", "custom", "search"]

INPUT = "input"  # the argument of a function that stands for a custom tool
SEARCH = "tool_search"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_OTHER = re.compile(r"[^A-Za-z0-9_-]")
_KEPT, _HASHED = 53, 10  # characters of a long name, and of its hash


class Given(msgspec.Struct, frozen=True):
    """What a function stands for: a tool as its caller named it."""

    kind: Kind
    name: str
    namespace: str | None = None


class Names:
    """The functions' names in one request, whose tools are those of ``offered``."""

    def __init__(self, tools: Iterable[Given]) -> None:
        listed = list(tools)
        # A plain function keeps its name, whatever it is.
        self._plain = {each.name for each in listed if each == Given("function", each.name)}
        self._names: dict[Given, str] = {}
        self._taken: dict[str, Given] = {}
        for each in listed:
            self.of(each)

    def of(self, tool: Given) -> str:
        """The name of the function that stands for a tool, offered or called before."""
        if tool.kind == "function" and tool.namespace is None:
            return tool.name
        found = self._names.get(tool)
        if found is None:
            found = _joined(tool)
            taken = found in self._plain or found in self._taken
            if taken or not _NAME.match(found):
                found = _hashed(tool, found)
            self._names[tool] = found
            self._taken[found] = tool
        return found

    @property
    def given(self) -> dict[str, Given]:
        """What the functions stand for that are not simply themselves, by their names."""
        return self._taken


def given_in(request: dict[str, Any]) -> dict[str, Given]:
    """``Names.given`` of a responses request, whose fields may be of any shape."""
    listed = list(offered(request))
    if all(each.kind == "function" and each.namespace is None for each in listed):
        return {}
    return Names(listed).given


def offered(request: dict[str, Any]) -> Iterator[Given]:
    """The tools of a responses request that stand for functions; others are passed over."""
    for tools in lists_of(request):
        for tool in _objects(tools):
            if tool.get("type") == "namespace":
                namespace = tool.get("name")
                for inner in _objects(tool.get("tools")):
                    yield from _given(inner, namespace if isinstance(namespace, str) else None)
            else:
                yield from _given(tool, None)


def lists_of(request: dict[str, Any]) -> Iterator[Any]:
    """Where a responses request offers tools: ``tools``, and items that brought more of them."""
    yield request.get("tools")
    for item in _objects(request.get("input")):
        if item.get("type") in ("tool_search_output", "additional_tools"):
            yield item.get("tools")


def _given(tool: dict[str, Any], namespace: str | None) -> Iterator[Given]:
    kind, name = tool.get("type"), tool.get("name")
    if kind == SEARCH and tool.get("execution") == "client":
        yield Given("search", SEARCH)
    elif isinstance(name, str):
        if kind == "function":
            yield Given("function", name, namespace)
        elif kind == "custom":
            yield Given("custom", name, namespace)


def _joined(tool: Given) -> str:
    if tool.namespace is None:
        return tool.name
    between = "" if tool.namespace.endswith("__") else "__"
    return f"{tool.namespace}{between}{tool.name}"


def _hashed(tool: Given, joined: str) -> str:
    parts = (tool.kind, tool.namespace or "", tool.name)
    text = "".join(f"{len(part)}:{part}" for part in parts)
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASHED]
    return f"{_OTHER.sub('_', joined)[:_KEPT]}_{digest}"


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict):
            yield each

"""Hosted tools that the operator allows a provider of another dialect to do without.

A provider runs them itself (a search of the web, an interpreter), so that no other can be asked
for one. ``drop_tools`` of a route names those that are left out of a request then, with what the
history tells of their runs: the answers that were written with them stand in it. A name stands for
its versions too: ``web_search`` for ``web_search_preview``; ``*`` for all.
"""

import re
from collections.abc import Collection
from typing import Any

HOSTED = (
    *("web_search", "file_search", "code_interpreter", "image_generation", "computer", "mcp"),
    *("local_shell", "shell", "apply_patch", "programmatic_tool_calling"),
)
_TOOL = re.compile(r"tools\[(\d+)\](?:\.type)?\Z")


def is_dropped(kind: Any, drop: Collection[str]) -> bool:
    """Whether it is one that may be left out."""
    return bool(drop) and _is_of(kind, HOSTED if "*" in drop else drop)


def without_lost(request: dict[str, Any], lost: Collection[str]) -> dict[str, Any]:
    """The request without the tools that stand at these paths."""
    tools = request.get("tools")
    places = {int(found[1]) for path in lost if (found := _TOOL.match(path))}
    if not places or not isinstance(tools, list):
        return request
    left = [tool for place, tool in enumerate(tools) if place not in places]
    return {**request, "tools": left}


def _is_of(kind: Any, names: Collection[str]) -> bool:
    return isinstance(kind, str) and any(
        kind == name or kind.startswith(f"{name}_") for name in names
    )

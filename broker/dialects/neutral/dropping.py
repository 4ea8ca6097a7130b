"""Hosted tools that the operator allows a provider of another dialect to do without.

A provider runs them itself (a search of the web, an interpreter), so that no other can be asked
for one. ``drop_tools`` of a route or a provider names those that are left out of a request then,
with what the history tells of their runs: the answers that were written with them stand in it.
A name stands for its versions too: ``web_search`` for ``web_search_preview``; ``*`` for all.
"""

from collections.abc import Collection
from typing import Any

from broker.dialects.neutral.given import LEFT_OUT

HOSTED = (
    *("web_search", "file_search", "code_interpreter", "image_generation", "computer", "mcp"),
    *("local_shell", "shell", "apply_patch", "programmatic_tool_calling"),
)
_LEFT: dict[str, Any] = {"type": LEFT_OUT}


def without_dropped(
    dialect: str, request: dict[str, Any], drop: Collection[str]
) -> dict[str, Any]:
    """The request without these hosted tools; the others keep their places."""
    if dialect != "responses" or not drop:
        return request
    names = HOSTED if "*" in drop else tuple(drop)
    found = dict(request)
    for key in ("tools", "input"):
        value = request.get(key)
        if isinstance(value, list) and any(_is_dropped(each, names) for each in value):
            found[key] = [_LEFT if _is_dropped(each, names) else each for each in value]
    return found


def _is_dropped(value: Any, names: Collection[str]) -> bool:
    kind = value.get("type") if isinstance(value, dict) else None
    return isinstance(kind, str) and any(
        kind == name or kind.startswith(f"{name}_") for name in names
    )

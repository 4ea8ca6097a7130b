"""Hosted tools that the operator allows a provider of another dialect to do without.

A provider runs them itself (a search of the web, an interpreter), so that no other can be asked
for one. ``drop_tools`` of a route names those that are left out of a request then, in any caller's
dialect, with what the history of a responses request has of their runs: the answers that were
written with them stand in it. A name stands for its versions too: ``web_search`` for
``web_search_preview`` and ``web_search_20250305``; ``*`` for all. ``allow_loss`` with
``hosted_tools`` is the same as ``*``, for one provider and whatever route leads to it.
"""

import json
import re
from collections.abc import Collection
from typing import Any

from broker.dialects.neutral.terms import Terms
from broker.loss import Loss

HOSTED = (
    *("web_search", "file_search", "code_interpreter", "image_generation", "computer", "mcp"),
    *("local_shell", "shell", "apply_patch", "programmatic_tool_calling"),
    *("code_execution", "web_fetch"),
)
SETTING = "hosted_tools"  # of ``allow_loss``
_OPTIONS = "web_search_options"  # by which chat asks for a search
_TOOL = re.compile(r"tools\[(\d+)\](?:\.type)?\Z")


def is_dropped(kind: Any, terms: Terms) -> bool:
    """Whether a tool of this type, or an item of a run of it, may be left out."""
    drop = ("*",) if SETTING in terms.allow_loss else terms.drop
    return bool(drop) and _is_of(kind, HOSTED if "*" in drop else drop)


def is_dropped_tool(loss: Loss, terms: Terms) -> bool:
    """Whether a loss is that of a tool that may be left out."""
    if loss.setting != SETTING or not terms.drop:
        return False
    if loss.path == _OPTIONS:
        return is_dropped("web_search", terms)
    try:
        return is_dropped(json.loads(loss.value), terms)
    except ValueError:  # there is none, or it was cut short
        return False


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

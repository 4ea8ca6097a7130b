"""What a response repeats of its request: every field that OpenAI's has, with its default.

Whoever reads strictly finds each of them in every event that holds a response, whichever dialect
the provider spoke. A response that the provider itself made is passed on as it was.
"""

from typing import Any

import msgspec

# In OpenAI's order; what is said where the request says nothing, or null.
DEFAULTS: dict[str, Any] = {
    "background": False,
    "completed_at": None,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_MADE = ("completed_at",)  # the response's own: no request says it
_LOOKED_AT = ("background", "service_tier")
_FUNCTION: dict[str, Any] = {"description": None, "parameters": None, "strict": None}


def echoed(request: dict[str, Any]) -> dict[str, Any]:
    """The fields, of a request whose values may be JSON that was not decoded (``msgspec.Raw``)."""
    found: dict[str, Any] = {}
    for key, default in DEFAULTS.items():
        value = None if key in _MADE else request.get(key)
        if isinstance(value, msgspec.Raw) and (
            isinstance(default, dict | list) or key in _LOOKED_AT
        ):
            value = msgspec.json.decode(value)
        match key:
            case "tools" if isinstance(value, list):
                value = list(map(_tool, value))
            case "reasoning" | "text" if isinstance(value, dict):
                value = {**default, **value}
            case "service_tier" if value == "auto":
                value = None
            case "background":
                value = bool(value)
        found[key] = default if value is None else value
    return found


def _tool(tool: Any) -> Any:
    """A function has all of its fields, whether they were given or not."""
    if not isinstance(tool, dict):
        return tool
    match tool.get("type"):
        case "function":
            return {**tool, **{k: v for k, v in _FUNCTION.items() if k not in tool}}
        case "namespace" if isinstance(tool.get("tools"), list):
            return {**tool, "tools": [_tool(each) for each in tool["tools"]]}
        case _:
            return tool

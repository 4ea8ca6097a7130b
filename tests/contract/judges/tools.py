"""The tools that every judge's call names: those that answers call."""

from typing import Any

NAMES = ("tide", "wind", "bare")
SCHEMA: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": True}


def chat() -> Any:
    return [
        {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in NAMES
    ]


def messages() -> Any:
    return [{"name": name, "input_schema": SCHEMA} for name in NAMES]


def responses() -> Any:
    return [
        {"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in NAMES
    ]

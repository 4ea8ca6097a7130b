"""The schemas of what is sent, for ``/openapi.json``."""

from typing import Any

from broker.api.options import DESCRIBED

_Schema = dict[str, Any]

REQUEST_ID = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"


def asked() -> _Schema:
    """The schemas by name."""
    text: _Schema = {"type": "string"}
    anything: _Schema = {"type": ["object", "null"]}
    return {
        "ChatRequest": {
            "type": "object",
            "required": ["model", "messages"],
            "properties": {
                "model": {**text, "minLength": 1, "maxLength": 256},
                "messages": {"type": "array", "items": {"type": "object"}, "minItems": 1},
                "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 128},
                "stream": {"type": ["boolean", "null"]},
                "stream_options": anything,
            },
            "additionalProperties": True,
        },
        "NewJob": {
            "type": "object",
            "required": ["request"],
            "properties": {
                "request_id": {"type": ["string", "null"], "pattern": REQUEST_ID},
                "dialect": {"enum": ["chat", "responses", "messages"]},
                "request": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/ChatRequest"},
                        {"$ref": "#/components/schemas/ResponsesRequest"},
                        {"$ref": "#/components/schemas/MessagesRequest"},
                    ]
                },
                "metadata": anything,
                "options": {
                    "type": ["object", "null"],
                    "properties": {
                        name: {**schema, "description": text}
                        for name, (schema, text) in DESCRIBED.items()
                    },
                    "additionalProperties": False,
                },
            },
            "additionalProperties": False,
        },
        "TicketWanted": {
            "type": "object",
            "properties": {"scope": {"enum": ["events", "result"]}},
            "additionalProperties": False,
        },
    }

"""The dialects' own endpoints, described."""

from typing import Any

from broker.api.openapi_parts import KEY, LAST, NARROWING, Schema, answer, body

_STATUSES = (
    (400, "Malformed, or another dialect than the model's provider speaks"),
    (404, "No such model, or nothing to attach to"),
    (410, "The job was deleted, or its stream has expired"),
    (413, "Too large"),
    (415, "Not JSON"),
    (422, "The request id names another request"),
    (429, "The provider's limit, or the account's"),
    (502, "No provider answered"),
    (503, "Not now; see Retry-After"),
    (504, "The provider, or the job, took too long"),
)
_MODEL: Schema = {"type": "string", "minLength": 1, "maxLength": 512}
_OBJECTS: Schema = {"type": "array", "items": {"type": "object"}, "minItems": 1}
_SWITCH: Schema = {"type": ["boolean", "null"]}
_BETA: Schema = {
    "name": "anthropic-beta",
    "in": "header",
    "required": False,
    "description": "Goes on to the provider; kept as `anthropic_beta` in the request.",
    "schema": {"type": "string"},
}


def call_paths() -> Schema:
    """Paths of every dialect."""
    return {
        "/v1/chat/completions": _call(
            "Chat", "createChatCompletion", "OpenAI's chat completions, durable and resumable"
        ),
        "/v1/models": {
            "get": {
                "operationId": "listModels",
                "summary": "The public model names",
                "responses": {"200": answer("The models", "Listed")},
            }
        },
        "/v1/messages": _call(
            "Messages", "createMessage", "Anthropic's messages, durable and resumable", _BETA
        ),
        "/v1/messages/count_tokens": {
            "post": {
                "operationId": "countTokens",
                "summary": "Anthropic's token count, passed through to the provider",
                "parameters": [_BETA],
                "requestBody": body("CountRequest"),
                "responses": {
                    "200": answer("The count", "Count"),
                    **_errors("MessagesError", 400, 404, 413, 415, 422, 429, 502, 503),
                },
            }
        },
    }


def _call(dialect: str, name: str, text: str, *parameters: Schema) -> Schema:
    return {
        "post": {
            "operationId": name,
            "summary": text,
            "parameters": [KEY, LAST, *NARROWING, *parameters],
            "requestBody": body(f"{dialect}Request"),
            "responses": {
                "200": {
                    "description": "The answer, or its events if `stream` is true",
                    "content": {
                        "application/json": {
                            "schema": {"$ref": f"#/components/schemas/{dialect}Answer"}
                        },
                        "text/event-stream": {"schema": {"type": "string"}},
                    },
                },
                "204": answer("The cursor is the end of the stream"),
                **_errors(f"{dialect}Error", *(status for status, _ in _STATUSES)),
            },
        }
    }


def _errors(schema: str, *statuses: int) -> Schema:
    texts = dict(_STATUSES)
    return {str(status): answer(texts[status], schema) for status in statuses}


def call_schemas() -> Schema:
    """The schemas of requests and answers."""
    kind = _object("type message", type={"type": "string"}, message={"type": "string"})
    return {
        "ChatRequest": _object(
            "model messages",
            model=_MODEL,
            messages=_OBJECTS,
            n={"type": ["integer", "null"], "minimum": 1, "maximum": 128},
            stream=_SWITCH,
            stream_options={"type": ["object", "null"]},
        ),
        "MessagesRequest": _object(
            "model max_tokens messages",
            model=_MODEL,
            max_tokens={"type": "integer", "minimum": 0},
            messages=_OBJECTS,
            stream=_SWITCH,
            anthropic_beta={"type": ["array", "null"], "items": {"type": "string"}},
        ),
        "MessagesAnswer": _object(
            "content", content={"type": "array", "items": {"type": "object"}}
        ),
        "MessagesError": _object("type error", type={"const": "error"}, error=kind),
        "CountRequest": _object("model messages", model=_MODEL, messages=_OBJECTS),
        "Count": _object("input_tokens", input_tokens={"type": "integer"}),
    }


def _object(required: str, **properties: Any) -> Schema:
    fields = {"required": required.split(), "properties": properties}
    return {"type": "object", **fields, "additionalProperties": True}

"""``/v1/messages`` in ``/openapi.json``."""

from typing import Any

from broker.api.count_tokens import ESTIMATED

_Schema = dict[str, Any]

_ERRORS = {
    400: "Malformed, or the model's provider speaks another dialect",
    404: "No such model, or nothing to attach to",
    410: "The job was deleted, or its stream has expired",
    413: "Too large",
    415: "Not JSON",
    422: "The request id names another request",
    429: "The provider's limit, or the account's",
    502: "No provider answered",
    503: "Not now; see Retry-After",
    504: "The provider, or the job, took too long",
}
_BETA: _Schema = {
    "name": "anthropic-beta",
    "in": "header",
    "required": False,
    "description": "Goes on to the provider; kept as `anthropic_beta` in the request.",
    "schema": {"type": "string"},
}


def _json_of(text: str, name: str) -> _Schema:
    return {"description": text, "content": {"application/json": _refer(name)}}


def _refer(name: str) -> _Schema:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _errors(*statuses: int) -> _Schema:
    return {str(status): _json_of(_ERRORS[status], "MessagesError") for status in statuses}


def _post(name: str, text: str, parameters: list[_Schema], body: str, answers: _Schema) -> _Schema:
    return {
        "post": {
            "operationId": name,
            "summary": text,
            "parameters": parameters,
            "requestBody": {"required": True, "content": {"application/json": _refer(body)}},
            "responses": answers,
        }
    }


def paths(headers: list[_Schema]) -> _Schema:
    """The paths; ``headers`` are the parameters that every creating call takes."""
    answer = _json_of("The message, or its events if `stream` is true", "MessagesAnswer")
    answer["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    end = {"204": {"description": "The cursor is the end of the stream"}}
    estimated = {"description": "The count is an estimate", "schema": {"const": "true"}}
    count = {**_json_of("The count", "TokenCount"), "headers": {ESTIMATED: estimated}}
    counted = {
        "200": count,
        **_errors(400, 404, 413, 415, 422, 429, 502, 503, 504),
    }
    return {
        "/v1/messages": _post(
            "createMessage",
            "Anthropic's messages, durable and resumable",
            [*headers, _BETA],
            "MessagesRequest",
            {"200": answer, **end, **_errors(*_ERRORS)},
        ),
        "/v1/messages/count_tokens": _post(
            "countTokens",
            "Anthropic's token count, passed through to the provider, or an estimate",
            [_BETA],
            "TokenCountRequest",
            counted,
        ),
    }


def schemas() -> _Schema:
    """The schemas that the paths refer to."""
    model = {"type": "string", "minLength": 1, "maxLength": 256}
    items: _Schema = {"type": "array", "items": {"type": "object"}}
    asked = {"model": model, "messages": {**items, "minItems": 1}}
    betas = {"type": ["array", "null"], "items": {"type": "string"}}
    kind = _object("type message", type={"type": "string"}, message={"type": "string"})
    return {
        "MessagesRequest": _object(
            "model max_tokens messages",
            **asked,
            max_tokens={"type": "integer", "minimum": 0},
            stream={"type": ["boolean", "null"]},
            anthropic_beta=betas,
        ),
        "MessagesAnswer": _object("content", content=items),
        "MessagesError": _object("type error", type={"const": "error"}, error=kind),
        "TokenCountRequest": _object("model messages", **asked),
        "TokenCount": _object("input_tokens", input_tokens={"type": "integer"}),
    }


def _object(required: str, **properties: Any) -> _Schema:
    return {"type": "object", "required": required.split(), "properties": properties}

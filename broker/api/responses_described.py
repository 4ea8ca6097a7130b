"""``/v1/responses`` in ``/openapi.json``."""

from typing import Any

_Schema = dict[str, Any]

_ONE = "/v1/responses/{response_id}"
_ERRORS = {
    400: "Malformed",
    404: "No such model, no such response, or nothing to attach to",
    410: "The job was deleted, or its stream has expired",
    413: "Too large",
    415: "Not JSON",
    422: "The request id names another request",
    426: "No upgrade to a WebSocket, or of another version",
    429: "The provider's limit, or the account's",
    502: "No provider answered",
    503: "Not now; see Retry-After",
    504: "The provider, or the job, took too long",
}


def _refer(name: str) -> _Schema:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _json_of(text: str, name: str) -> _Schema:
    return {"description": text, "content": {"application/json": _refer(name)}}


def _errors(*statuses: int) -> _Schema:
    return {str(status): _json_of(_ERRORS[status], "ChatError") for status in statuses}


def _query(name: str, text: str, **schema: Any) -> _Schema:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": text,
        "schema": schema,
    }


_ID = {
    "name": "response_id",
    "in": "path",
    "required": True,
    "description": "The response's id.",
    "schema": {"type": "string"},
}
_CURSOR = {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}
_END = {"204": {"description": "Nothing comes after the cursor"}}


def _answer() -> _Schema:
    answer = _json_of("The response, or its events if `stream` is true", "Response")
    answer["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    return answer


def paths(headers: list[_Schema]) -> _Schema:
    """The paths; ``headers`` are the parameters that every creating call takes."""
    create = {
        "operationId": "createResponse",
        "summary": "OpenAI's Responses, durable and resumable",
        "parameters": headers,
        "requestBody": {
            "required": True,
            "content": {"application/json": _refer("ResponsesRequest")},
        },
        "responses": {
            "200": _answer(),
            **_END,
            **_errors(*(status for status in _ERRORS if status != 426)),
        },
    }
    return {
        "/v1/responses": {"post": create, "get": _connect()},
        _ONE: {"get": _retrieve(), "delete": _delete()},
        f"{_ONE}/cancel": {"post": _cancel()},
        f"{_ONE}/input_items": {"get": _list_input()},
    }


def _retrieve() -> _Schema:
    last = {"name": "Last-Event-ID", "in": "header", "required": False}
    return {
        "operationId": "getResponse",
        "summary": "The response as it is now, or its events",
        "parameters": [
            _ID,
            _query("stream", "Its events in place of it.", type="boolean"),
            _query("starting_after", "The cursor: events after this one.", **_CURSOR),
            {**last, "description": "The same cursor.", "schema": _CURSOR},
        ],
        "responses": {"200": _answer(), **_END, **_errors(400, 404, 410, 503)},
    }


def _connect() -> _Schema:
    return {
        "operationId": "connectResponses",
        "summary": "Open a WebSocket, over which responses are asked for and streamed",
        "responses": {
            "101": {"description": "It is open; messages are JSON"},
            **_errors(400, 426, 503),
        },
    }


def _delete() -> _Schema:
    return {
        "operationId": "deleteResponse",
        "summary": "Delete the response; cancels it first",
        "parameters": [_ID],
        "responses": {
            "200": _json_of("Deleted", "ResponseDeleted"),
            **_errors(404, 410, 503),
        },
    }


def _cancel() -> _Schema:
    return {
        "operationId": "cancelResponse",
        "summary": "Cancel the response",
        "parameters": [_ID],
        "responses": {
            "200": _json_of("The response, cancelled or as it had ended", "Response"),
            **_errors(404, 410, 503),
        },
    }


def _list_input() -> _Schema:
    return {
        "operationId": "listInputItems",
        "summary": "What the response was asked with",
        "parameters": [
            _ID,
            _query("limit", "20 if not given.", type="integer", minimum=1, maximum=100),
            _query("order", "`desc` if not given.", type="string", enum=["asc", "desc"]),
            _query("after", "The id of the last item before the page.", type="string"),
        ],
        "responses": {"200": _json_of("A page", "InputItems"), **_errors(400, 404, 410, 503)},
    }


def schemas() -> _Schema:
    """The schemas that the paths refer to."""
    text: _Schema = {"type": "string"}
    flag: _Schema = {"type": ["boolean", "null"]}
    items: _Schema = {"type": "array", "items": {"type": "object"}}
    return {
        "ResponsesRequest": {
            "type": "object",
            "required": ["model"],
            "properties": {
                "model": {**text, "minLength": 1, "maxLength": 256},
                "input": {"anyOf": [text, items, {"type": "null"}]},
                "stream": flag,
                "stream_options": {"type": ["object", "null"]},
                "background": flag,
                "store": flag,
                "previous_response_id": {"type": ["string", "null"], "minLength": 1},
            },
            "additionalProperties": True,
        },
        "Response": {
            "type": "object",
            "required": ["id", "object", "status", "output"],
            "properties": {
                "id": text,
                "object": {"const": "response"},
                "status": {"enum": _STATUSES},
                "output": items,
            },
        },
        "ResponseDeleted": {
            "type": "object",
            "required": ["id", "object", "deleted"],
            "properties": {
                "id": text,
                "object": {"const": "response"},
                "deleted": {"const": True},
            },
        },
        "InputItems": {
            "type": "object",
            "required": ["object", "data", "first_id", "last_id", "has_more"],
            "properties": {
                "object": {"const": "list"},
                "data": items,
                "first_id": {"type": ["string", "null"]},
                "last_id": {"type": ["string", "null"]},
                "has_more": {"type": "boolean"},
            },
        },
    }


_STATUSES = ["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]

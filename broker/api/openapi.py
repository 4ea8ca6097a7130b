"""``/openapi.json``: the public face, for tools. PROTOCOL.md is its prose."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from broker.model import JobState

_Schema = dict[str, Any]


async def document(request: Request) -> Response:
    """The description, OpenAPI 3.1."""
    return Response(msgspec.json.encode(describe()), media_type="application/json")


def describe() -> _Schema:
    """The whole document."""
    try:
        release = version("streamhold")
    except PackageNotFoundError:  # run from a tree that is not installed
        release = "0"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Streamhold",
            "version": release,
            "description": "A durable stream broker for LLM inference.",
        },
        "paths": {**_chat_paths(), **_job_paths(), **_other_paths()},
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
        "security": [{"bearer": []}, {"key": []}, {}],
    }


def _parameter(name: str, place: str, kind: str, text: str, *, required: bool = False) -> _Schema:
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": text,
        "schema": {"type": kind},
    }


def _answer(text: str, schema: str | None = None, media: str = "application/json") -> _Schema:
    answer: _Schema = {"description": text}
    if schema is not None:
        answer["content"] = {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return answer


def _events(text: str) -> _Schema:
    return {"description": text, "content": {"text/event-stream": {"schema": {"type": "string"}}}}


def _problems(*statuses: int) -> dict[str, _Schema]:
    texts = {
        400: "Malformed",
        404: "No such job",
        409: "Not in a state for this",
        410: "Deleted or expired",
        422: "The request id names another request",
        503: "Not now; see Retry-After",
    }
    return {
        str(status): _answer(texts[status], "Problem", "application/problem+json")
        for status in statuses
    }


def _body(schema: str) -> _Schema:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"required": True, "content": content}


_ID = _parameter("request_id", "path", "string", "The job's request id.", required=True)
_LAST = _parameter("Last-Event-ID", "header", "integer", "The cursor: go on after this event.")
_KEY = _parameter("Idempotency-Key", "header", "string", "The request id; else one is made.")


def _chat_paths() -> _Schema:
    errors = {
        str(status): _answer(text, "ChatError")
        for status, text in (
            (400, "Malformed"),
            (401, "No valid key"),
            (404, "No such model"),
            (413, "Too large"),
            (415, "Not JSON"),
            (422, "The request id names another request"),
            (429, "The provider's limit"),
            (502, "No provider answered"),
            (503, "Not now; see Retry-After"),
        )
    }
    return {
        "/v1/chat/completions": {
            "post": {
                "operationId": "createChatCompletion",
                "summary": "OpenAI's chat completions, durable and resumable",
                "parameters": [_KEY, _LAST],
                "requestBody": _body("ChatRequest"),
                "responses": {
                    "200": {
                        "description": "The answer, or its events if `stream` is true",
                        "content": {
                            "application/json": {"schema": {"type": "object"}},
                            "text/event-stream": {"schema": {"type": "string"}},
                        },
                    },
                    "204": _answer("The cursor is the end of the stream"),
                    **errors,
                },
            }
        },
        "/v1/models": {
            "get": {
                "operationId": "listModels",
                "summary": "The public model names",
                "responses": {"200": {"description": "A list of models"}},
            }
        },
    }


def _job_paths() -> _Schema:
    one = "/v1/jobs/{request_id}"
    job = _answer("The job", "Job")
    listing = [
        _parameter("limit", "query", "integer", "1 to 100, 20 if not given."),
        _parameter("after", "query", "string", "`next` of the page before."),
        _parameter("state", "query", "string", "Only jobs in this state."),
        _parameter("model", "query", "string", "Only jobs of this model."),
        _parameter("since", "query", "number", "Created at or after, Unix seconds."),
        _parameter("until", "query", "number", "Created at or before, Unix seconds."),
    ]
    wait = _parameter("wait", "query", "number", "Seconds to wait for the end, 60 at most.")
    after = _parameter("after", "query", "integer", "The cursor, for clients without headers.")

    def operation(name: str, text: str, responses: _Schema, *parameters: _Schema) -> _Schema:
        return {
            "operationId": name,
            "summary": text,
            "parameters": [_ID, *parameters],
            "responses": responses,
        }

    return {
        "/v1/jobs": {
            "post": {
                "operationId": "createJob",
                "summary": "Submit without waiting",
                "parameters": [_KEY],
                "requestBody": _body("NewJob"),
                "responses": {"202": job, "200": job, **_problems(400, 404, 410, 422, 503)},
            },
            "get": {
                "operationId": "listJobs",
                "summary": "The account's jobs, newest first",
                "parameters": listing,
                "responses": {"200": {"description": "A page of jobs"}, **_problems(400, 503)},
            },
        },
        one: {
            "get": operation("getJob", "The job", {"200": job, **_problems(404, 410, 503)}),
            "delete": operation(
                "deleteJob",
                "Delete the job; cancels it first",
                {"204": _answer("Deleted"), **_problems(404, 410, 503)},
            ),
        },
        f"{one}/events": {
            "get": operation(
                "streamEvents",
                "The stream in the native view",
                {
                    "200": _events("Events; the last is named `end`"),
                    "204": _answer("The cursor is the end of the stream"),
                    **_problems(400, 404, 410),
                },
                _LAST,
                after,
            )
        },
        f"{one}/result": {
            "get": operation(
                "getResult",
                "The whole answer",
                {
                    "200": {"description": "The folded answer, in the job's dialect"},
                    "202": job,
                    **_problems(404, 409, 410, 503),
                },
                wait,
            )
        },
        f"{one}/cancel": {
            "post": operation(
                "cancelJob", "Cancel the job", {"200": job, **_problems(404, 410, 503)}
            )
        },
        f"{one}/retry": {
            "post": operation(
                "retryJob",
                "Run a failed job again that delivered nothing",
                {"202": job, **_problems(404, 409, 410, 503)},
            )
        },
    }


def _other_paths() -> _Schema:
    texts = {
        "/healthz": "Whether the process lives",
        "/readyz": "Whether calls can be served",
        "/metrics": "Prometheus metrics",
        "/openapi.json": "This document",
    }
    return {
        path: {
            "get": {"summary": text, "security": [], "responses": {"200": {"description": "OK"}}}
        }
        for path, text in texts.items()
    }


def _schemas() -> _Schema:
    text, number, integer = {"type": "string"}, {"type": "number"}, {"type": "integer"}
    anything: _Schema = {"type": ["object", "null"]}
    return {
        "ChatRequest": {
            "type": "object",
            "required": ["model", "messages"],
            "properties": {
                "model": text,
                "messages": {"type": "array", "items": {"type": "object"}, "minItems": 1},
                "stream": {"type": "boolean"},
                "stream_options": anything,
            },
            "additionalProperties": True,
        },
        "ChatError": {
            "type": "object",
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["message", "type"],
                    "properties": {
                        "message": text,
                        "type": text,
                        "param": {"type": ["string", "null"]},
                        "code": {"type": ["string", "null"]},
                        "provider_status": integer,
                    },
                }
            },
        },
        "NewJob": {
            "type": "object",
            "required": ["request"],
            "properties": {
                "request_id": {**text, "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"},
                "dialect": {"enum": ["chat"]},
                "request": {"$ref": "#/components/schemas/ChatRequest"},
                "metadata": anything,
            },
            "additionalProperties": False,
        },
        "Job": {
            "type": "object",
            "properties": {
                "object": {"const": "job"},
                "request_id": text,
                "state": {"enum": [state.value for state in JobState]},
                "dialect": text,
                "model": text,
                "created_at": number,
                "started_at": {"type": ["number", "null"]},
                "ended_at": {"type": ["number", "null"]},
                "cursor": integer,
                "delivered": {"type": "boolean"},
                "attempts": {"type": "array", "items": {"type": "object"}},
                "usage": anything,
                "error": anything,
                "metadata": anything,
                "links": {"type": "object"},
            },
        },
        "Problem": {
            "type": "object",
            "properties": {
                "type": text,
                "title": text,
                "status": integer,
                "detail": text,
                "code": text,
                "param": text,
            },
        },
    }

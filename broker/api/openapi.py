"""``/openapi.json``: the public face, for tools. PROTOCOL.md is its prose."""

from importlib.metadata import PackageNotFoundError, version

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from broker.api.answers import answered
from broker.api.openapi_calls import call_paths, call_schemas
from broker.api.openapi_parts import (
    CURSOR,
    KEY,
    LAST,
    NARROWING,
    REQUEST_ID,
    Schema,
    answer,
    body,
    parameter,
)
from broker.api.options import DESCRIBED
from broker.dialects.registry import DIALECTS, dialect_at
from broker.model import JobState

_PROBLEM = ("Problem", "application/problem+json")
_ERRORS = {
    "chat": ("ChatError", "application/json"),
    "messages": ("MessagesError", "application/json"),
}
_NULLABLE_ID = {"type": ["string", "null"], "pattern": REQUEST_ID}


async def document(request: Request) -> Response:
    """The description, OpenAPI 3.1."""
    return Response(msgspec.json.encode(describe()), media_type="application/json")


def describe() -> Schema:
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
        "paths": _behind_the_door(
            {**call_paths(), **_job_paths(), **_provider_paths(), **_other_paths()}
        ),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
        "security": [{"bearer": []}, {"key": []}, {}],
    }


def _behind_the_door(paths: Schema) -> Schema:
    """The paths, and what is refused of any call before its endpoint sees it."""
    for path, operations in paths.items():
        dialect = dialect_at(path)
        refusal = _ERRORS[dialect.name] if dialect else _PROBLEM
        for operation in operations.values():
            responses = operation["responses"]
            responses.setdefault("403", answer("This Host or Origin may not call", *refusal))
            if operation.get("security") != []:
                responses.setdefault("401", answer("No valid key", *refusal))
    return paths


def _answers(text: str) -> Schema:
    either = [{"$ref": f"#/components/schemas/{kind}Answer"} for kind in ("Chat", "Messages")]
    return {"description": text, "content": {"application/json": {"schema": {"anyOf": either}}}}


def _text(text: str, media: str) -> Schema:
    return {"description": text, "content": {media: {"schema": {"type": "string"}}}}


def _problems(*statuses: int) -> dict[str, Schema]:
    texts = {
        400: "Malformed",
        404: "No such job",
        409: "Not in a state for this",
        410: "Deleted or expired",
        413: "Too large",
        415: "Not JSON",
        422: "The request id names another request",
        429: "The account's limit; see Retry-After",
        503: "Not now; see Retry-After",
    }
    return {str(status): answer(texts[status], *_PROBLEM) for status in statuses}


def _failures() -> dict[str, Schema]:
    """How a job can have failed, where its failure is the answer."""
    texts = {
        404: "No such job, or the provider has no such model",
        413: "The provider finds it too large",
        422: "The provider refused it",
        429: "The provider's limit",
        502: "The provider failed",
        504: "The provider, or the job, took too long",
    }
    return {str(status): answer(text, *_PROBLEM) for status, text in texts.items()}


_STATES = [state.value for state in JobState]
_TIME: Schema = {"minimum": 0, "maximum": 10**12}
_ID = parameter(
    "request_id", "path", "string", "The job's request id.", required=True, pattern=REQUEST_ID
)


def _job_paths() -> Schema:
    one = "/v1/jobs/{request_id}"
    job = answer("The job", "Job")
    listing = [
        parameter("limit", "query", "integer", "20 if not given.", minimum=1, maximum=100),
        parameter("after", "query", "string", "`next` of the page before."),
        parameter("state", "query", "string", "Only jobs in this state.", enum=_STATES),
        parameter("model", "query", "string", "Only jobs of this model."),
        parameter("since", "query", "number", "Created at or after, Unix seconds.", **_TIME),
        parameter("until", "query", "number", "Created at or before, Unix seconds.", **_TIME),
    ]
    wait = parameter(
        "wait", "query", "number", "Seconds to wait for the end, 60 at most.", minimum=0
    )
    after = parameter(
        "after", "query", "integer", "The cursor, for clients without headers.", **CURSOR
    )

    def operation(name: str, text: str, responses: Schema, *parameters: Schema) -> Schema:
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
                "parameters": [KEY, *NARROWING],
                "requestBody": body("NewJob"),
                "responses": {
                    "202": job,
                    "200": job,
                    **_problems(400, 404, 410, 413, 415, 422, 503),
                },
            },
            "get": {
                "operationId": "listJobs",
                "summary": "The account's jobs, newest first",
                "parameters": listing,
                "responses": {"200": answer("A page", "Jobs"), **_problems(400, 503)},
            },
        },
        one: {
            "get": operation("getJob", "The job", {"200": job, **_problems(400, 404, 410, 503)}),
            "delete": operation(
                "deleteJob",
                "Delete the job; cancels it first",
                {"204": answer("Deleted"), **_problems(400, 404, 410, 503)},
            ),
        },
        f"{one}/events": {
            "get": operation(
                "streamEvents",
                "The stream in the native view",
                {
                    "200": _text("Events; the last is named `end`", "text/event-stream"),
                    "204": answer("The cursor is the end of the stream"),
                    **_problems(400, 404, 410),
                },
                LAST,
                after,
            )
        },
        f"{one}/result": {
            "get": operation(
                "getResult",
                "The whole answer",
                {
                    "200": _answers("The folded answer, in the job's dialect"),
                    "202": job,
                    **_problems(400, 409, 410, 503),
                    **_failures(),
                },
                wait,
            )
        },
        f"{one}/cancel": {
            "post": operation(
                "cancelJob", "Cancel the job", {"200": job, **_problems(400, 404, 410, 503)}
            )
        },
        f"{one}/retry": {
            "post": operation(
                "retryJob",
                "Run a failed job again that delivered nothing",
                {"202": job, **_problems(400, 404, 409, 410, 503)},
            )
        },
    }


def _provider_paths() -> Schema:
    providers = {
        "operationId": "listProviders",
        "summary": "The providers, their targets, and the targets' circuit breakers",
        "responses": {"200": answer("The providers", "Listed"), **_problems(503)},
    }
    return {"/v1/providers": {"get": providers}}


def _other_paths() -> Schema:
    ready = answer("It takes calls", "Readiness")
    answers: dict[str, tuple[str, dict[str, Schema]]] = {
        "/healthz": ("Whether the process lives", {"200": _json_of("It lives")}),
        "/readyz": (
            "Whether calls can be served",
            {"200": ready, "503": answer("Not now; the checks say why", "Readiness")},
        ),
        "/metrics": ("Prometheus metrics", {"200": _text("Prometheus' text", "text/plain")}),
        "/openapi.json": ("This document", {"200": _json_of("OpenAPI 3.1")}),
    }
    return {
        path: {"get": {"summary": text, "security": [], "responses": responses}}
        for path, (text, responses) in answers.items()
    }


def _json_of(text: str) -> Schema:
    return {"description": text, "content": {"application/json": {"schema": {"type": "object"}}}}


def _schemas() -> Schema:
    """What is sent; what is answered stands in a module of its own."""
    anything: Schema = {"type": ["object", "null"]}
    return {
        **answered(),
        **call_schemas(),
        "NewJob": {
            "type": "object",
            "required": ["request"],
            "properties": {
                "request_id": _NULLABLE_ID,
                "dialect": {"enum": list(DIALECTS)},
                "request": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/ChatRequest"},
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
    }

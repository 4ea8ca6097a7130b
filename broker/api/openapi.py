"""``/openapi.json``: the public face, for tools. PROTOCOL.md is its prose."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from broker.api import messages_described, passed_described, responses_described
from broker.api.answers import answered
from broker.api.asked import REQUEST_ID, asked
from broker.api.options import DESCRIBED, header_of
from broker.dialects.registry import dialect_at
from broker.model import JobState

_Schema = dict[str, Any]

_KEYS: list[_Schema] = [{"bearer": []}, {"key": []}, {}]
_PROBLEM = ("Problem", "application/problem+json")
_ERRORS = {
    "chat": ("ChatError", "application/json"),
    "responses": ("ChatError", "application/json"),
    "messages": ("MessagesError", "application/json"),
}


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
        "paths": _behind_the_door(
            {
                **_chat_paths(),
                **responses_described.paths([_KEY, _LAST, *_NARROWING]),
                **messages_described.paths([_KEY, _LAST, *_NARROWING]),
                **passed_described.paths(),
                **_job_paths(),
                **_provider_paths(),
                **_other_paths(),
            }
        ),
        "components": {
            "schemas": {
                **answered(),
                **responses_described.schemas(),
                **messages_described.schemas(),
                **passed_described.schemas(),
                **asked(),
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "ticket": {"type": "apiKey", "in": "query", "name": "ticket"},
            },
        },
        "security": _KEYS,
    }


def _behind_the_door(paths: _Schema) -> _Schema:
    """The paths, and what is refused of any call before its endpoint sees it."""
    for path, operations in paths.items():
        dialect = dialect_at(path)
        answer = _ERRORS[dialect.name] if dialect else _PROBLEM
        for operation in operations.values():
            responses = operation["responses"]
            responses.setdefault("400", _answer("Malformed", *answer))
            if "requestBody" in operation:
                responses.setdefault("408", _answer("The body did not come in in time", *answer))
            responses.setdefault("403", _answer("This Host or Origin may not call", *answer))
            if operation.get("security") != []:
                responses.setdefault("401", _answer("No valid key", *answer))
    return paths


def _parameter(
    name: str, place: str, kind: str, text: str, *, required: bool = False, **limits: Any
) -> _Schema:
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": text,
        "schema": {"type": kind, **limits},
    }


def _answer(text: str, schema: str | None = None, media: str = "application/json") -> _Schema:
    answer: _Schema = {"description": text}
    if schema is not None:
        answer["content"] = {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return answer


def _text(text: str, media: str) -> _Schema:
    return {"description": text, "content": {media: {"schema": {"type": "string"}}}}


def _problems(*statuses: int) -> dict[str, _Schema]:
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
    return {str(status): _answer(texts[status], *_PROBLEM) for status in statuses}


def _failures() -> dict[str, _Schema]:
    """How a job can have failed, where its failure is the answer."""
    texts = {
        404: "No such job, or the provider has no such model",
        413: "The provider finds it too large",
        422: "The provider refused it",
        429: "The provider's limit",
        502: "The provider failed",
        504: "The provider, or the job, took too long",
    }
    return {str(status): _answer(text, *_PROBLEM) for status, text in texts.items()}


def _body(schema: str) -> _Schema:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"required": True, "content": content}


_STATES = [state.value for state in JobState]
_TIME: _Schema = {"minimum": 0, "maximum": 10**12}
_CURSOR: _Schema = {"minimum": 0, "maximum": 10**15 - 1}
_ID = _parameter(
    "request_id", "path", "string", "The job's request id.", required=True, pattern=REQUEST_ID
)
_LAST = _parameter(
    "Last-Event-ID", "header", "integer", "The cursor: go on after this event.", **_CURSOR
)
_KEY = _parameter(
    "Idempotency-Key", "header", "string", "The request id; else one is made.", pattern=REQUEST_ID
)


# A list is given in a header as a comma list.
_NARROWING = [
    {
        "name": header_of(name),
        "in": "header",
        "required": False,
        "description": text,
        "schema": {"type": "string"} if schema.get("type") == "array" else schema,
    }
    for name, (schema, text) in DESCRIBED.items()
]


def _chat_paths() -> _Schema:
    errors = {
        str(status): _answer(text, "ChatError")
        for status, text in (
            (400, "Malformed"),
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
    }
    return {
        "/v1/chat/completions": {
            "post": {
                "operationId": "createChatCompletion",
                "summary": "OpenAI's chat completions, durable and resumable",
                "parameters": [_KEY, _LAST, *_NARROWING],
                "requestBody": _body("ChatRequest"),
                "responses": {
                    "200": {
                        "description": "The answer, or its events if `stream` is true",
                        "content": {
                            "application/json": {
                                "schema": {"$ref": "#/components/schemas/ChatAnswer"}
                            },
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
                "summary": "Every name of a model that a call may use",
                "parameters": _model_pages(),
                "responses": {"200": _answer("The models", "Listed"), "400": errors["400"]},
            }
        },
        "/v1/models/{model}": {
            "get": {
                "operationId": "retrieveModel",
                "summary": "A public model name, or PROVIDER/MODEL",
                "parameters": [
                    _parameter("model", "path", "string", "The name.", required=True, maxLength=256)
                ],
                "responses": {
                    "200": _answer("The model", "Model"),
                    **{status: errors[status] for status in ("400", "404")},
                },
            }
        },
    }


def _model_pages() -> list[_Schema]:
    places = (
        ("after", "Those after this one."),
        ("after_id", "The same, as Anthropic's SDKs say it."),
        ("before", "Those before this one."),
        ("before_id", "The same, as Anthropic's SDKs say it."),
    )
    limit = _parameter("limit", "query", "integer", "All if not given.", minimum=1, maximum=1000)
    return [limit, *(_parameter(name, "query", "string", what) for name, what in places)]


def _job_paths() -> _Schema:
    one = "/v1/jobs/{request_id}"
    job = _answer("The job", "Job")
    listing = [
        _parameter("limit", "query", "integer", "20 if not given.", minimum=1, maximum=100),
        _parameter("after", "query", "string", "`next` of the page before."),
        _parameter("state", "query", "string", "Only jobs in this state.", enum=_STATES),
        _parameter("model", "query", "string", "Only jobs of this model.", maxLength=256),
        _parameter("since", "query", "number", "Created at or after, Unix seconds.", **_TIME),
        _parameter("until", "query", "number", "Created at or before, Unix seconds.", **_TIME),
    ]
    wait = _parameter(
        "wait", "query", "number", "Seconds to wait for the end, 60 at most.", minimum=0
    )
    after = _parameter(
        "after", "query", "integer", "The cursor, for clients without headers.", **_CURSOR
    )
    view = _parameter(
        "view", "query", "string", "As the job's own POST streams it.", enum=["native", "dialect"]
    )
    usage = _parameter("include_usage", "query", "boolean", "With the usage chunk, in a chat view.")

    def operation(
        name: str, text: str, responses: _Schema, *parameters: _Schema, tickets: bool = False
    ) -> _Schema:
        described = {
            "operationId": name,
            "summary": text,
            "parameters": [_ID, *parameters],
            "responses": responses,
        }
        return {**described, "security": [*_KEYS, {"ticket": []}]} if tickets else described

    return {
        "/v1/jobs": {
            "post": {
                "operationId": "createJob",
                "summary": "Submit without waiting",
                "parameters": [_KEY, *_NARROWING],
                "requestBody": _body("NewJob"),
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
                "responses": {"200": _answer("A page", "Jobs"), **_problems(400, 503)},
            },
        },
        one: {
            "get": operation("getJob", "The job", {"200": job, **_problems(400, 404, 410, 503)}),
            "delete": operation(
                "deleteJob",
                "Delete the job; cancels it first",
                {"204": _answer("Deleted"), **_problems(400, 404, 410, 503)},
            ),
        },
        f"{one}/events": {
            "get": operation(
                "streamEvents",
                "The stream in the native view, or as its dialect has it",
                {
                    "200": _text("Events; the last is named `end`", "text/event-stream"),
                    "204": _answer("The cursor is the end of the stream"),
                    **_problems(400, 404, 410, 503),
                },
                _LAST,
                after,
                view,
                usage,
                tickets=True,
            )
        },
        f"{one}/result": {
            "get": operation(
                "getResult",
                "The whole answer",
                {
                    "200": _answer("The folded answer, in the job's dialect", "ChatAnswer"),
                    "202": job,
                    **_problems(400, 409, 410, 503),
                    **_failures(),
                },
                wait,
                tickets=True,
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
        f"{one}/tickets": {
            "post": {
                **operation(
                    "createTicket",
                    "An address of the stream or the result that needs no key",
                    {
                        "201": _answer("The ticket", "Ticket"),
                        **_problems(400, 404, 410, 413, 415, 503),
                    },
                ),
                "requestBody": {**_body("TicketWanted"), "required": False},
            }
        },
    }


def _provider_paths() -> _Schema:
    providers = {
        "operationId": "listProviders",
        "summary": "The providers, their targets, and the targets' circuit breakers",
        "responses": {"200": _answer("The providers", "Listed"), **_problems(503)},
    }
    return {"/v1/providers": {"get": providers}}


def _other_paths() -> _Schema:
    ready = _answer("It takes calls", "Readiness")
    answers: dict[str, tuple[str, dict[str, _Schema]]] = {
        "/": ("What this is", {"200": _text("A page for people", "text/plain")}),
        "/healthz": ("Whether the process lives", {"200": _json_of("It lives")}),
        "/readyz": (
            "Whether calls can be served",
            {"200": ready, "503": _answer("Not now; the checks say why", "Readiness")},
        ),
        "/metrics": ("Prometheus metrics", {"200": _text("Prometheus' text", "text/plain")}),
        "/openapi.json": ("This document", {"200": _json_of("OpenAPI 3.1")}),
    }
    return {
        path: {"get": {"summary": text, "security": [], "responses": responses}}
        for path, (text, responses) in answers.items()
    }


def _json_of(text: str) -> _Schema:
    return {"description": text, "content": {"application/json": {"schema": {"type": "object"}}}}

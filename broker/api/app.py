"""The application: routes, the door in front of them, errors rendered in one place."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.api import (
    count_tokens,
    events,
    front,
    health,
    jobs,
    models,
    openapi,
    providers,
    responses,
    responses_socket,
)
from broker.api.core import Core
from broker.api.door import Door
from broker.api.inference import Inference
from broker.api.passed_on import PassedOn
from broker.api.paths import meant
from broker.api.problems import (
    on_client_gone,
    on_defect,
    on_http_exception,
    on_streamhold_error,
)
from broker.dialects.dialect import Dialect
from broker.dialects.registry import DIALECTS
from broker.dialects.responses.dialect import RESPONSES
from broker.errors import StreamholdError

_JOB = "/v1/jobs/{request_id}"
_RESPONSE = "/v1/responses/{response_id}"


def _inference(dialect: Dialect) -> Inference:
    """A dialect's endpoint; that of responses has a way of its own to answer at once."""
    return responses.Responses() if dialect is RESPONSES else Inference(dialect)


class Shortcut:
    """ASGI middleware: a POST to one of these paths goes to its endpoint, past the router.

    For these are nearly all calls, and each waits for its first word.
    """

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        called = scope["type"] == "http" and scope["method"] == "POST"
        endpoint = self._endpoints.get(scope["path"]) if called else None
        await (endpoint or self._app)(scope, receive, send)


class Meant:
    """ASGI: what no route takes is tried once more where it was meant to go, then refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = meant(scope["path"])
        if path == scope["path"]:
            raise HTTPException(404)
        scope["path"], scope["raw_path"] = path, quote(path).encode()
        await self._app(scope, receive, send)


class Behind:
    """The surface behind its door, for calls that are made here, of somebody who was let in."""

    def __init__(self, handlers: Mapping[Any, Any]) -> None:
        self._handlers = handlers
        self._app: ASGIApp | None = None

    def open(self, app: ASGIApp) -> None:
        """Lead to this one."""
        self._app = ExceptionMiddleware(app, handlers=self._handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._app is not None
        await self._app(scope, receive, send)


def create_app(core: Core) -> Starlette:
    """The ASGI application of one process."""
    calls = {dialect.path: _inference(dialect) for dialect in DIALECTS.values()}
    handlers: dict[Any, Any] = {
        StreamholdError: on_streamhold_error,
        HTTPException: on_http_exception,
        ClientDisconnect: on_client_gone,
    }
    passed = {
        "/embeddings": PassedOn("/embeddings", ("responses", "chat")),
        "/completions": PassedOn("/completions", ("responses", "chat")),
        "/responses/input_tokens": PassedOn("/responses/input_tokens", ("responses",)),
        "/responses/compact": PassedOn("/responses/compact", ("responses",)),
    }
    behind = Behind(handlers)
    socket = responses_socket.ResponsesSocket(behind)
    app = Starlette(
        routes=[
            *(Route(path, endpoint, methods=["POST"]) for path, endpoint in calls.items()),
            Route(RESPONSES.path, socket, methods=["GET"]),
            *(Route(f"/v1{below}", each, methods=["POST"]) for below, each in passed.items()),
            Route("/v1/messages/count_tokens", count_tokens.count_tokens, methods=["POST"]),
            Route(_RESPONSE, responses.retrieve, methods=["GET"]),
            Route(_RESPONSE, responses.delete, methods=["DELETE"]),
            Route(f"{_RESPONSE}/cancel", responses.cancel, methods=["POST"]),
            Route(f"{_RESPONSE}/input_items", responses.list_input, methods=["GET"]),
            Route("/v1/models", models.list_models, methods=["GET"]),
            Route("/v1/models/{model:path}", models.retrieve_model, methods=["GET"]),
            Route("/v1/providers", providers.list_providers, methods=["GET"]),
            Route("/v1/jobs", jobs.create_job, methods=["POST"]),
            Route("/v1/jobs", jobs.list_jobs, methods=["GET"]),
            Route(_JOB, jobs.get_job, methods=["GET"]),
            Route(_JOB, jobs.delete_job, methods=["DELETE"]),
            Route(f"{_JOB}/events", events.stream_events, methods=["GET"]),
            Route(f"{_JOB}/result", events.get_result, methods=["GET"]),
            Route(f"{_JOB}/cancel", jobs.cancel_job, methods=["POST"]),
            Route(f"{_JOB}/retry", jobs.retry_job, methods=["POST"]),
            Route(f"{_JOB}/tickets", jobs.create_ticket, methods=["POST"]),
            Route("/", front.front, methods=["GET"]),
            Route("/openapi.json", openapi.document, methods=["GET"]),
            Route("/healthz", health.healthz, methods=["GET"]),
            Route("/readyz", health.readyz, methods=["GET"]),
            Route("/metrics", health.metrics, methods=["GET"]),
        ],
        middleware=[Middleware(Door, settings=core.settings, booth=core.booth)],
        exception_handlers={**handlers, Exception: on_defect},
        lifespan=core.lifespan,
    )
    app.router.middleware_stack = Shortcut(app.router.middleware_stack, calls)
    behind.open(app.router)
    app.router.default = Meant(app.router.middleware_stack)
    app.router.redirect_slashes = False  # a redirect would name our own scheme and host
    return app

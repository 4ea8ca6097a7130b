"""Errors as answers: one table from our errors to statuses, one shape a surface.

A dialect's surface answers in the dialect's shape, everything else with RFC 9457 problem details.
"""

import math
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from broker import errors, log
from broker.api.paths import hint, is_gemini, meant
from broker.dialects.messages.dialect import MESSAGES
from broker.dialects.native import failure_object
from broker.dialects.registry import dialect_at
from broker.model import CIRCUIT_OPEN, Failure, new_request_id

# The first class in an error's ancestry that is listed gives its status.
STATUSES: dict[type[errors.StreamholdError], int] = {
    errors.BadRequest: 400,
    errors.SocketExpired: 400,
    errors.NotAuthenticated: 401,
    errors.Forbidden: 403,
    errors.UnknownPath: 404,
    errors.UnknownModel: 404,
    errors.JobNotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.SlowRequest: 408,
    errors.NotRetriable: 409,
    errors.JobGone: 410,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.RequestIdReused: 422,
    errors.UpgradeRequired: 426,
    errors.AccountBusy: 429,
    errors.TooManyCalls: 429,
    errors.HeadTooLarge: 431,
    errors.UnknownCoding: 501,
    errors.FramesLost: 502,
    errors.Crowded: 503,
    errors.QueueFull: 503,
    errors.StoreAway: 503,
    errors.StoreFull: 503,
    errors.Overloaded: 503,
    errors.Draining: 503,
    errors.StreamholdError: 500,
}
LATE = "late"  # in a scope: the request's body was not there in time
_LONGEST_PATH = 200  # characters of a path that are repeated
RETRY_AFTER = 1  # seconds, with every 429 and 503 of our own


def status_of(error: errors.StreamholdError) -> int:
    """The HTTP status of an error."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def error_response(path: str, error: errors.StreamholdError) -> Response:
    """The answer for an error of our own."""
    status = status_of(error)
    dialect = dialect_at(meant(path))
    if dialect is not None:
        message = error.message
        if isinstance(error, errors.Unexpressible):
            message = dialect.refused(error)
        return _json(status, dialect.error(status, message, error.code, error.param), error)
    body: dict[str, Any] = {
        "type": f"urn:streamhold:error:{error.code}",
        "title": (type(error).__doc__ or "").strip().splitlines()[0],
        "status": status,
        "detail": error.message,
        "code": error.code,
    }
    if error.param:
        body["param"] = error.param
    return _json(status, body, error, "application/problem+json")


def failure_response(path: str, failure: Failure, *, final: bool) -> Response:
    """The answer for a job that failed before it delivered anything.

    ``final`` says that the same call would meet the same failure again: it replays.
    """
    headers = {}
    if (final and failure.type != CIRCUIT_OPEN) or not failure.retryable:
        headers["x-should-retry"] = "false"
    if failure.retry_after is not None or failure.status == 503:
        headers["retry-after"] = str(max(RETRY_AFTER, math.ceil(failure.retry_after or 0)))
    dialect = dialect_at(meant(path))
    if dialect is not None:
        body = dialect.failure(failure)
        return Response(_encode(body), failure.status, headers, "application/json")
    problem = {
        "title": failure.message,
        "status": failure.status,
        "detail": failure.message,
        **failure_object(failure),
        "type": f"urn:streamhold:failure:{failure.type}",
    }
    return Response(_encode(problem), failure.status, headers, "application/problem+json")


def _json(
    status: int,
    body: dict[str, Any],
    error: errors.StreamholdError,
    media_type: str = "application/json",
) -> Response:
    headers = {}
    if status in (429, 503):
        headers["retry-after"] = str(RETRY_AFTER)
    if status == 408:
        headers["connection"] = "close"
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, errors.UnknownEncoding):  # RFC 9110, 12.5.3
        headers["accept-encoding"] = "gzip, deflate, zstd"
    if status == 426:  # and says to what, as RFC 9110 asks (15.5.22)
        headers |= {"upgrade": "HTTP/1.1", "connection": "upgrade"}
    if not error.retryable and status not in (401, 404, 405):
        headers["x-should-retry"] = "false"
    return Response(_encode(body), status, headers, media_type)


_encode = msgspec.json.encode


async def on_streamhold_error(request: Request, error: Exception) -> Response:
    """Starlette's handler for our own errors."""
    assert isinstance(error, errors.StreamholdError)
    if request.method == "POST":
        request.state.core.metrics.calls.labels("refused").inc()
    if status_of(error) >= 500:
        log.warning("call.refused", path=request.url.path, code=error.code)
    return error_response(request.url.path, error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's handler for its own errors: no route, wrong method."""
    assert isinstance(error, HTTPException)
    path: str = request.scope["path"]
    if error.status_code != 405 or is_gemini(path):
        shown = path if len(path) <= _LONGEST_PATH else path[:_LONGEST_PATH] + "…"
        at = MESSAGES.path if "anthropic-version" in request.headers else path
        return error_response(at, errors.UnknownPath(f"{shown} {hint(path)}"))
    allowed = ", ".join(_methods(request))
    response = error_response(path, errors.MethodNotAllowed(f"It takes {allowed}."))
    response.headers["allow"] = allowed
    return response


def _methods(request: Request) -> list[str]:
    """What the path takes, over all of its routes: starlette's own 405 knows the first only."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    here = (route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in here for method in route.methods or ()})


async def on_defect(request: Request, error: Exception) -> Response:
    """Starlette's handler for everything else: a defect of ours.

    It runs outside the door, which can't stamp this answer.
    """
    request_id = request.scope.get("request_id") or new_request_id()
    log.exception("call.defect", path=request.url.path, request_id=request_id)
    response = error_response(request.url.path, errors.StreamholdError())
    response.headers["x-request-id"] = request_id
    response.raw_headers.extend(request.scope.get("stamps", ()))
    return response


async def on_client_gone(request: Request, error: Exception) -> Response:
    """Starlette's handler for a client that left before its answer: nobody reads this one.

    A client is left, too, whose request is not there in time.
    """
    if request.scope.get(LATE):
        return error_response(request.url.path, errors.SlowRequest("Its body is not complete."))
    return Response(status_code=499)

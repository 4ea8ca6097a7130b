"""What must hold of every answer. A check yields what is wrong; nothing, if all is well."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from broker.model import REQUEST_ID
from tests.fuzz.contract import Contract
from tests.fuzz.request import Request
from tests.fuzz.wire import Answer

# How a job may fail that was accepted: PROTOCOL.md lists them. `internal_error` is not here.
FAILURES = frozenset(
    [
        "provider_auth",
        "provider_error",
        "provider_unreachable",
        "provider_timeout",
        "provider_cut",
        "provider_garbled",
        "provider_stream_error",
        "deadline_exceeded",
        "replay_diverged",
        "worker_lost",
        "queue_timeout",
        "frames_lost",
    ]
)
HEADERS = frozenset(
    [
        "content-type",
        "content-length",
        "transfer-encoding",
        "connection",
        "date",
        "x-request-id",
        "request-id",  # of the messages surface
        "x-should-retry",
        "retry-after",
        "www-authenticate",
        "allow",
        "cache-control",
        "x-accel-buffering",
        "referrer-policy",
        "vary",
        "access-control-allow-origin",
        "access-control-expose-headers",
        "location",
        "accept-encoding",
        "upgrade",
        "x-streamhold-estimated",
        "x-streamhold-lost",
    ]
)
_NATIVE = ("/v1/jobs", "/v1/providers", "/healthz", "/readyz", "/metrics", "/openapi.json")
_ELSEWHERE = frozenset((401, 403, 404, 405))
_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Exchange:
    """A request, what came of it, and what it is judged by."""

    request: Request
    answer: Answer
    contract: Contract
    secrets: Sequence[bytes] = ()

    @property
    def refused_early(self) -> bool:
        """The HTTP server itself refused what is no request: the application knows nothing of it.

        It says so with a 4xx, or a 501 for an encoding that it can't undo. It may not know what
        was asked for; then it is a problem.
        """
        answer, request = self.answer, self.request
        if request.legal and request.cut is None:
            return False
        refused = 400 <= answer.status < 500 or answer.status == 501
        told = answer.media == "application/problem+json" or request.method == b"HEAD"
        return refused and told and len(_stamps(answer)) == 1

    @property
    def unanswered(self) -> bool:
        return not self.answer.status and (not self.request.legal or self.request.cut is not None)

    def body(self) -> Any:
        """The body's JSON; None if it is none."""
        try:
            return json.loads(self.answer.body)
        except ValueError:
            return None


def faults_of(exchange: Exchange) -> list[str]:
    """Everything that is wrong with an answer."""
    checks = _ALWAYS
    if not (exchange.unanswered or exchange.refused_early):
        checks = (*_ALWAYS, *_ANSWERED)
    return [f"{check.__name__}: {fault}" for check in checks for fault in check(exchange)]


def no_leak(exchange: Exchange) -> Iterator[str]:
    """Nothing of the victim's comes back, what the intruder itself has sent apart."""
    sent = exchange.request.render("")
    sent += unquote_to_bytes(sent)
    for secret in exchange.secrets:
        if secret in exchange.answer.received and secret not in sent:
            yield f"the answer holds {secret!r}"


def no_splitting(exchange: Exchange) -> Iterator[str]:
    """No header that a caller made up."""
    for name, _ in exchange.answer.headers:
        if name not in HEADERS:
            yield f"an unknown header {name!r}"


def answered(exchange: Exchange) -> Iterator[str]:
    """There is an answer, and it is HTTP to its end; a stream may be left before its end."""
    answer = exchange.answer
    if not answer.status:
        yield "no answer"
    elif not answer.whole and answer.media != "text/event-stream":
        yield "the answer breaks off"


def stamped(exchange: Exchange) -> Iterator[str]:
    """Exactly one request id."""
    if len(stamps := _stamps(exchange.answer)) != 1 or not REQUEST_ID.match(stamps[0]):
        yield f"request ids {stamps!r}"


def no_defect(exchange: Exchange) -> Iterator[str]:
    """A 5xx is either a 503 that says when to come again, or a provider's failure."""
    answer = exchange.answer
    if answer.status < 500 or failure_of(exchange) in FAILURES:
        return
    if answer.status != 503 or not answer.header("retry-after"):
        yield f"a {answer.status}: {answer.body[:300]!r}"


def in_the_surfaces_shape(exchange: Exchange) -> Iterator[str]:
    """Errors of a dialect's surface are the dialect's; all others are problem details."""
    answer, request = exchange.answer, exchange.request
    if answer.status < 400 or request.method == b"HEAD" or request.raw is not None:
        return
    if answer.status == 503 and request.path == "/readyz":
        return
    body = exchange.body()
    if request.path.startswith("/v1/messages"):
        error = body.get("error") if isinstance(body, dict) else None
        if answer.media != "application/json" or not isinstance(error, dict):
            yield f"no messages error: {answer.media} {answer.body[:200]!r}"
        elif not error.keys() >= {"message", "type"}:
            yield f"a messages error with {sorted(error)}"
    elif request.path[:1] == "/" and request.path != "/" and not _is_native(request.path):
        error = body.get("error") if isinstance(body, dict) else None
        if answer.media != "application/json" or not isinstance(error, dict):
            yield f"no chat error: {answer.media} {answer.body[:200]!r}"
        elif not error.keys() >= {"message", "type", "param", "code"}:
            yield f"a chat error with {sorted(error)}"
    elif answer.media != "application/problem+json" or not isinstance(body, dict):
        yield f"no problem details: {answer.media} {answer.body[:200]!r}"
    elif not body.keys() >= {"type", "title", "status", "detail", "code"}:
        yield f"problem details with {sorted(body)}"
    elif body["status"] != answer.status:
        yield f"problem details of a {body['status']} in a {answer.status}"


def _is_native(path: str) -> bool:
    return any(path == name or path.startswith(f"{name}/") for name in _NATIVE)


def as_described(exchange: Exchange) -> Iterator[str]:
    """A status, a media type and a body that the operation promises."""
    request, answer = exchange.request, exchange.answer
    if request.raw is not None:
        return
    operation = exchange.contract.find(request.method, request.path)
    if operation is None:
        there = bool(exchange.contract.at(request.path))
        if answer.status not in _ELSEWHERE or (there and answer.status == 404):
            yield f"a {answer.status} where no operation is described"
    elif request.method == b"HEAD":
        if answer.body or answer.status not in operation.answers:
            yield f"HEAD: a {answer.status} with {len(answer.body)} bytes"
    else:
        yield from exchange.contract.faults(operation, answer)


def events_in_order(exchange: Exchange) -> Iterator[str]:
    """Every whole event has one id, and they rise."""
    if exchange.answer.media != "text/event-stream":
        return
    body = re.sub(rb"^: ping\n", b"", exchange.answer.body, flags=re.MULTILINE)
    found = [_ID.findall(event) for event in body.split(b"\n\n")[:-1]]
    if any(len(ids) != 1 for ids in found):
        yield "an event without an id, or with two"
        return
    numbers = [int(ids[0]) for ids in found]
    if numbers != sorted(set(numbers)):
        yield f"ids {numbers}"


def tells_nothing(exchange: Exchange) -> Iterator[str]:
    """No status that tells whether another account has a job of that name."""
    if exchange.answer.status in exchange.request.never:
        yield f"a {exchange.answer.status} for a name that is not the caller's"


def failure_of(exchange: Exchange) -> str | None:
    """The type of the failure in an answer, if it is one of a job's."""
    body = exchange.body()
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    kind = error.get("type") if isinstance(error, dict) else body.get("type")
    return str(kind).removeprefix("urn:streamhold:failure:")


def _stamps(answer: Answer) -> list[str]:
    return [value for name, value in answer.headers if name == "x-request-id"]


Check = Callable[[Exchange], Iterator[str]]
_ALWAYS: tuple[Check, ...] = (no_leak, no_splitting)
_ANSWERED: tuple[Check, ...] = (
    answered,
    stamped,
    no_defect,
    in_the_surfaces_shape,
    as_described,
    events_in_order,
    tells_nothing,
)

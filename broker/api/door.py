"""The door: what is checked of every request before an endpoint sees it.

Host and Origin: a web page must not spend the operator's keys through loopback, neither by
a form's POST (no JSON) nor by a name that resolves to 127.0.0.1. Keys: only their SHA-256
is known here. A ticket stands in for a key where there is none. What may be there once only
(a key, a request id, a length) and is there twice is refused: whichever were taken, somebody
between the caller and us may have taken the other. Every answer leaves with an
``x-request-id``: the one that the call named, whatever came of it, else one of our making or a
proxy's;
with the headers that a page's browser needs; and under a ticket with what keeps the address from
caches and other sites.
"""

import asyncio
import hashlib
import ipaddress
import re
from contextlib import suppress
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.api.booth import Booth
from broker.api.options import NAMED_BY_PROXY
from broker.api.origins import Headers, Origins
from broker.api.paths import meant
from broker.api.problems import error_response
from broker.api.stamps import stamp
from broker.api.stream import ComeAgain, cursor_of
from broker.api.tickets import given, presented
from broker.errors import (
    BadCursor,
    BadRequest,
    Draining,
    Forbidden,
    NotAuthenticated,
    StoreAway,
    StreamholdError,
    UpgradeRequired,
)
from broker.model import REQUEST_ID, new_request_id
from broker.settings import Settings

DEFAULT_ACCOUNT = "default"  # everyone's, where no accounts are configured
# An address that opens something stays out of caches and of other sites' logs.
_DISCREET: Headers = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]
_LAST: Headers = [(b"connection", b"close")]
# What is looked at here or by an endpoint, and is one thing. The options check themselves.
_SINGLE = {
    name.lower().encode(): name
    for name in (
        "Authorization",
        "x-api-key",
        "Idempotency-Key",
        "Last-Event-ID",
        "Content-Type",
        "Content-Length",
        "Content-Encoding",
        "Transfer-Encoding",
        "Host",
        "Origin",
        "Access-Control-Request-Method",
    )
}
_ABSOLUTE = re.compile(rb"https?://(?P<host>[^/?#@\s]+)(?P<path>/[^?#]*)?\Z", re.IGNORECASE)
_SOCKETS = frozenset(("/v1/responses",))  # paths at which a WebSocket may be opened
_OPEN = frozenset(("/", "/healthz", "/readyz", "/metrics", "/openapi.json"))  # no key needed


_LONGEST_HOST = 300  # characters; a name has 253, and what is longer is kept in no cache


def is_loopback(host: str) -> bool:
    """Whether a host name or address, brackets allowed, is this machine's loopback."""
    return len(host) <= _LONGEST_HOST and _is_loopback(host)


@lru_cache(maxsize=256)
def _is_loopback(host: str) -> bool:
    host = host.strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Door:
    """ASGI middleware: refuses, or passes on with ``scope["account"]`` set.

    ``scope["ticket"]`` is set if that is what let the call in; only its job can tell whether
    it still may. ``scope["stamps"]`` are headers for every answer, unless it has its own.
    ``scope["request_id"]`` is what an answer that says nothing else is stamped with; an
    endpoint that reads a request id from a body puts it there.
    """

    def __init__(self, app: ASGIApp, settings: Settings, booth: Booth) -> None:
        self._app = app
        self._booth = booth
        self._accounts = {
            digest: name
            for name, account in settings.accounts.items()
            for digest in account.key_sha256
        }
        server = settings.server
        self._hosts = frozenset(name.lower() for name in server.allowed_hosts)
        # Bound beyond loopback with no names given, any name may lead here.
        self._any_host = not self._hosts and not is_loopback(server.host)
        self._origins = Origins(server)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        started = False

        async def stamped(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": stamp(scope, message["headers"])}
            await send(message)

        headers = dict(scope["headers"])
        wrong = _ambiguity(scope["headers"], headers)
        if wrong is None and scope["path"][:1] != "/":
            wrong = _take_absolute(scope, headers)
        scope["request_id"] = _named_id(scope["path"], headers) or new_request_id()
        scope["stamps"] = self._origins.stamps(headers.get(b"origin"))
        if given(scope["query_string"]):
            scope["stamps"] += _DISCREET
        try:
            if wrong is not None:
                scope["stamps"] += _LAST
                raise wrong
            self._check_host(headers.get(b"host", b"").decode("latin1"))
            self._check_origin(headers.get(b"origin"))
            if (preflight := self._origins.preflight(scope, headers)) is not None:
                scope["stamps"] += preflight
                await Response(status_code=204)(scope, receive, stamped)
                return
            scope["account"] = await self._account(scope, headers)
            if b"sec-websocket-key" in headers and meant(scope["path"]) not in _SOCKETS:
                raise UpgradeRequired("There is none at this path: go on over HTTP.")
        except StreamholdError as error:
            await _refusal(scope, error)(scope, receive, stamped)
            return
        try:
            await self._app(scope, receive, stamped)
        except asyncio.CancelledError:
            # The drain is over: the server would answer 500, and it is "come again".
            if not started:
                await error_response(scope["path"], Draining())(scope, receive, stamped)
            raise

    def _check_host(self, value: str) -> None:
        name = _host_of(f"//{value}")
        if not (self._any_host or is_loopback(name) or name in self._hosts):
            raise Forbidden("This server does not answer to that Host.")

    def _check_origin(self, value: bytes | None) -> None:
        if value is None:
            return
        if self._origins.lists(value) or is_loopback(_host_of(value.decode("latin1"))):
            return
        raise Forbidden("Pages of that Origin may not call.")

    async def _account(self, scope: Scope, headers: dict[bytes, bytes]) -> str:
        if not self._accounts:
            return DEFAULT_ACCOUNT
        keys = _keys(headers)
        for key in keys:
            account = self._accounts.get(hashlib.sha256(key).hexdigest())
            if account is not None:
                return account
        shown = presented(scope["method"], scope["path"], scope["query_string"])
        if shown is not None and not keys:
            ticket = scope["ticket"] = await self._booth.take(shown)
            return ticket.account
        if scope["path"] in _OPEN:
            return ""
        raise NotAuthenticated("Send it as 'Authorization: Bearer' or 'x-api-key'.")


def _keys(headers: dict[bytes, bytes]) -> list[bytes]:
    """The keys that a request shows. One is enough; of two that are known the first counts."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    bearer = token.strip() if scheme.lower() == b"bearer" else b""
    return [key for key in (bearer, headers.get(b"x-api-key", b"")) if key]


def _ambiguity(given: Headers, headers: dict[bytes, bytes]) -> BadRequest | None:
    """What is wrong with headers that don't go together; takes out the one that is there twice."""
    if b"transfer-encoding" in headers and b"content-length" in headers:
        return BadRequest("The body is framed in two ways.", param="Transfer-Encoding")
    if len(given) == len(headers):
        return None
    names = [name for name, _ in given]
    for raw, name in _SINGLE.items():
        if names.count(raw) > 1:
            del headers[raw]
            return BadRequest(f"There is more than one {name} header.", param=name)
    return None


def _take_absolute(scope: Scope, headers: dict[bytes, bytes]) -> BadRequest | None:
    """Read a target that is a whole URL as its path; its host counts for that of the request.

    Proxies are asked so, and every server must take it (RFC 9112, 3.2.2). Other targets stay.
    """
    raw: bytes = scope["raw_path"]
    if b"://" not in raw:
        return None
    found = _ABSOLUTE.match(raw)
    if found is None:
        return BadRequest("The target is not a URL of this server.")
    path = found["path"] or b"/"
    scope["raw_path"], scope["path"] = path, unquote(path.decode("ascii"))
    headers[b"host"] = found["host"]
    others = [pair for pair in scope["headers"] if pair[0] != b"host"]
    scope["headers"] = [(b"host", found["host"]), *others]
    return None


def _refusal(scope: Scope, error: StreamholdError) -> Response:
    """The answer for a call that is not let in.

    Only the key of tickets is looked up in the store, and a ticket for events is an
    EventSource's: an error status would kill it for good.
    """
    if isinstance(error, StoreAway) and scope["path"].endswith("/events"):
        with suppress(BadCursor):
            return ComeAgain(cursor_of(HTTPConnection(scope)), error.code)
    return error_response(scope["path"], error)


def _host_of(url: str) -> str:
    """The host in a URL, in lower case; empty if there is none to be read, or too long a one."""
    return _read_host(url) if len(url) <= _LONGEST_HOST else ""


@lru_cache(maxsize=256)  # most callers come by one name
def _read_host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:  # an unclosed bracket
        return ""


def _named_id(path: str, headers: dict[bytes, bytes]) -> str | None:
    """The request id that a path, an ``Idempotency-Key`` or a proxy names, if it is one."""
    named = (headers.get(b"idempotency-key") or headers.get(NAMED_BY_PROXY, b"")).decode("latin1")
    if path.startswith("/v1/jobs/"):
        named = path.split("/")[3]
    return named if REQUEST_ID.match(named) else None

"""The door: what is checked of every request before an endpoint sees it.

Host and Origin: a web page must not spend the operator's keys through loopback, neither by
a form's POST (no JSON) nor by a name that resolves to 127.0.0.1. Keys: only their SHA-256
is known here. Every answer leaves with an ``x-request-id``: the one that the call named,
whatever came of it, else one of our making.
"""

import asyncio
import hashlib
import ipaddress
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.api.problems import error_response
from broker.dialects.registry import dialect_at
from broker.errors import Draining, Forbidden, NotAuthenticated, StreamholdError
from broker.model import REQUEST_ID, new_request_id
from broker.settings import Settings

DEFAULT_ACCOUNT = "default"  # everyone's, where no accounts are configured
_OPEN = frozenset(("/healthz", "/readyz", "/metrics", "/openapi.json"))  # no key needed


def is_loopback(host: str) -> bool:
    """Whether a host name or address, brackets allowed, is this machine's loopback."""
    host = host.strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Door:
    """ASGI middleware: refuses, or passes on with ``scope["account"]`` set.

    ``scope["request_id"]`` is what an answer that says nothing else is stamped with; an
    endpoint that reads a request id from a body puts it there.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._accounts = {
            digest: name
            for name, account in settings.accounts.items()
            for digest in account.key_sha256
        }
        server = settings.server
        self._hosts = frozenset(name.lower() for name in server.allowed_hosts)
        # Bound beyond loopback with no names given, any name may lead here.
        self._any_host = not self._hosts and not is_loopback(server.host)
        self._origins = frozenset(server.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        started = False
        dialect = dialect_at(scope["path"])
        alias = dialect.request_id_header if dialect else None

        async def stamped(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = message["headers"]
                own = next((value for name, value in headers if name == b"x-request-id"), None)
                named = own or scope["request_id"].encode()
                added = [] if own else [(b"x-request-id", named)]
                if alias is not None:
                    added.append((alias, named))
                message = {**message, "headers": [*headers, *added]}
            await send(message)

        headers = dict(scope["headers"])
        scope["request_id"] = _named_id(scope["path"], headers) or new_request_id()
        try:
            self._check_host(headers.get(b"host", b"").decode("latin1"))
            self._check_origin(headers.get(b"origin"))
            scope["account"] = self._account(scope["path"], headers)
        except StreamholdError as error:
            await error_response(scope["path"], error)(scope, receive, stamped)
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
        origin = value.decode("latin1")
        if origin in self._origins or is_loopback(_host_of(origin)):
            return
        raise Forbidden("Pages of that Origin may not call.")

    def _account(self, path: str, headers: dict[bytes, bytes]) -> str:
        if not self._accounts:
            return DEFAULT_ACCOUNT
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        key = token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        account = self._accounts.get(hashlib.sha256(key).hexdigest()) if key else None
        if account is None:
            if path in _OPEN:
                return ""
            raise NotAuthenticated("Send it as 'Authorization: Bearer' or 'x-api-key'.")
        return account


def _host_of(url: str) -> str:
    """The host in a URL, in lower case; empty if there is none to be read."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:  # an unclosed bracket
        return ""


def _named_id(path: str, headers: dict[bytes, bytes]) -> str | None:
    """The request id that a path or an ``Idempotency-Key`` names, if it is one."""
    named = headers.get(b"idempotency-key", b"").decode("latin1")
    if path.startswith("/v1/jobs/"):
        named = path.split("/")[3]
    return named if REQUEST_ID.match(named) else None

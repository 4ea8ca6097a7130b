"""The door: what is checked of every request before an endpoint sees it.

Host and Origin: a web page must not spend the operator's keys through loopback, neither by
a form's POST (no JSON) nor by a name that resolves to 127.0.0.1. Keys: only their SHA-256
is known here. Every answer leaves with an ``x-request-id``.
"""

import hashlib
import ipaddress
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.api.problems import error_response
from broker.errors import Forbidden, NotAuthenticated, StreamholdError
from broker.model import new_request_id
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
    """ASGI middleware: refuses, or passes on with ``scope["account"]`` set."""

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

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                if not any(name == b"x-request-id" for name, _ in headers):
                    headers = [*headers, (b"x-request-id", new_request_id().encode())]
                    message = {**message, "headers": headers}
            await send(message)

        headers = dict(scope["headers"])
        try:
            self._check_host(headers.get(b"host", b"").decode("latin1"))
            self._check_origin(headers.get(b"origin"))
            scope["account"] = self._account(scope["path"], headers)
        except StreamholdError as error:
            await error_response(scope["path"], error)(scope, receive, stamped)
            return
        await self._app(scope, receive, stamped)

    def _check_host(self, value: str) -> None:
        name = (urlsplit(f"//{value}").hostname or "").lower()
        if not (self._any_host or is_loopback(name) or name in self._hosts):
            raise Forbidden("This server does not answer to that Host.")

    def _check_origin(self, value: bytes | None) -> None:
        if value is None:
            return
        origin = value.decode("latin1")
        if origin in self._origins or is_loopback(urlsplit(origin).hostname or ""):
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

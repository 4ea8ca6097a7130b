"""A knock at the door: one request, and what became of it."""

import hashlib
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.types import Message, Receive, Scope, Send

from broker.api.booth import Booth
from broker.api.door import Door
from broker.errors import StoreAway
from broker.settings import Account, Server, Settings
from broker.store.ticket_key import TicketKey

KEY, OTHER = "sk-one", "sk-two"


def account(*keys: str) -> Account:
    return Account(key_sha256=tuple(hashlib.sha256(key.encode()).hexdigest() for key in keys))


OPEN = Settings()
KEYED = Settings(accounts={"one": account(KEY, "sk-new"), "two": account(OTHER)})
PUBLIC = Settings(server=Server(host="0.0.0.0"))
NAMED = Settings(
    server=Server(
        host="0.0.0.0", allowed_hosts=("Api.Example",), allowed_origins=("https://app.example",)
    )
)


class Shut(TicketKey):
    """The store's key, with the store away."""

    def __init__(self) -> None: ...

    async def get(self) -> bytes:
        raise StoreAway()


def shut(settings: Settings) -> Booth:
    return Booth(settings, Shut())


class Knock:
    """One request at the door: the account it went in with, or the answer it got."""

    def __init__(self) -> None:
        self.account: str | None = None
        self.scope: Scope = {}
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.account, self.scope = scope["account"], scope
        given = [(b"x-request-id", b"given")] if scope["path"] == "/given" else []
        await send({"type": "http.response.start", "status": 200, "headers": given})
        await send({"type": "http.response.body", "body": b"in"})

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {n.decode(): v.decode() for n, v in message["headers"]}
        else:
            self.body += message["body"]

    @property
    def problem(self) -> Any:
        return msgspec.json.decode(self.body)


async def knock(
    settings: Settings = OPEN,
    path: str = "/v1/jobs",
    host: str | None = "localhost",
    method: str = "GET",
    more: Any = (),
    **headers: str,
) -> Knock:
    """Header names are given with underscores, or as ``more``; the path may have a query."""
    pairs = [(name.replace("_", "-"), text) for name, text in headers.items()]
    pairs += [*more] if host is None else [("host", host), *more]

    async def receive() -> Message:
        raise AssertionError("the door reads no body")

    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path.partition("?")[0]),
        "raw_path": path.partition("?")[0].encode(),
        "query_string": path.partition("?")[2].encode(),
        "headers": [(name.encode(), text.encode("latin1")) for name, text in pairs],
    }
    found = Knock()
    await Door(found.app, settings, shut(settings))(scope, receive, found.send)
    return found

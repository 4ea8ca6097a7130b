"""The application: what its shortcut takes, and what it leaves to the router."""

import pytest
from starlette.types import Receive, Scope, Send

from broker.api.app import Shortcut


async def nothing(*_: object) -> None: ...


@pytest.mark.parametrize(
    ("kind", "method", "path", "taken"),
    [
        ("http", "POST", "/call", True),
        ("http", "GET", "/call", False),  # the router says what is allowed
        ("http", "OPTIONS", "/call", False),
        ("http", "POST", "/call/", False),
        ("http", "POST", "/other", False),
        ("websocket", None, "/call", False),
        ("lifespan", None, None, False),
    ],
)
async def test_only_a_call_is_taken(
    kind: str, method: str | None, path: str | None, taken: bool
) -> None:
    reached: list[str] = []

    async def router(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append("router")

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append("endpoint")

    scope = {"type": kind, "method": method, "path": path}
    shown = {name: value for name, value in scope.items() if value is not None}
    await Shortcut(router, {"/call": endpoint})(shown, nothing, nothing)  # type: ignore[arg-type]
    assert reached == ["endpoint" if taken else "router"]

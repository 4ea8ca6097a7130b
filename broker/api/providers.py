"""``GET /v1/providers``: the providers, their targets, and the targets' circuit breakers."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from broker.api.core import core_of
from broker.dialects.native import failure_object
from broker.settings import Settings
from broker.store.breakers import Breaker


async def list_providers(request: Request) -> Response:
    """The endpoint. A target is listed if a route names it."""
    core = core_of(request)
    found = await core.store.breakers.of(sorted(core.store.breakers.routed))
    breakers = {breaker.name: breaker for breaker in found}
    data = [describe(core.settings, name, breakers) for name in sorted(core.settings.providers)]
    body = msgspec.json.encode({"object": "list", "data": data})
    return Response(body, media_type="application/json")


def describe(settings: Settings, name: str, breakers: dict[str, Breaker]) -> dict[str, Any]:
    """One provider as the API shows it: no address, no key."""
    provider = settings.providers[name]
    routes: dict[str, list[str]] = {}
    for model, route in sorted(settings.routes.items()):
        for target in route.names:
            routes.setdefault(target, []).append(model)
    # No target that no route names: it would be another caller's own text.
    mine = sorted(each for each in routes if each.partition("/")[0] == name)
    return {
        "id": name,
        "object": "provider",
        "dialect": provider.dialect,
        "streams": provider.streams,
        "prefill": bool(provider.prefill),
        "targets": [
            {
                "model": each.partition("/")[2],
                "routes": routes.get(each, []),
                "breaker": _breaker(breakers.get(each) or Breaker(each, "closed")),
            }
            for each in mine
        ],
    }


def _breaker(breaker: Breaker) -> dict[str, Any]:
    return {
        "state": breaker.state,
        "retry_in": breaker.wait,
        "succeeded": breaker.good,
        "failed": breaker.bad,
        "changed_at": breaker.changed_ms / 1000 if breaker.changed_ms else None,
        "last_failure": _last_failure(breaker),
    }


def _last_failure(breaker: Breaker) -> dict[str, Any] | None:
    failure = breaker.why
    if failure is None:
        return None
    at = breaker.why_ms / 1000 if breaker.why_ms else None
    return {**failure_object(failure), "at": at}

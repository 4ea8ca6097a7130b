"""Liveness, readiness and metrics."""

import asyncio
from contextlib import suppress

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from broker.api.core import core_of
from broker.errors import StoreAway
from broker.store.breakers import Breaker

_FRESH = 2.0  # seconds that the rescuer's last round may be old


async def healthz(request: Request) -> Response:
    """200 while the process runs its loop."""
    return _json(200, {"status": "ok"})


async def readyz(request: Request) -> Response:
    """200 if calls can be served: not draining, the store answers, a worker beats."""
    core = core_of(request)
    rescuer = core.rescuer
    quiet = asyncio.get_running_loop().time() - rescuer.seen
    checks = {
        "accepting": not core.draining.is_set(),
        "store": core.store.layout.known and bool(rescuer.ticks) and quiet < _FRESH,
        "live": core.tail.is_up,
        "workers": rescuer.workers > 0,
    }
    ready = all(checks.values())
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    return _json(200 if ready else 503, body)


async def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    core = core_of(request)
    breakers: list[Breaker] = []
    with suppress(StoreAway):  # streamhold_store_up says so
        breakers = await core.store.breakers.of(sorted(core.store.breakers.routed))
    return Response(core.metrics.render(breakers), 200, media_type=CONTENT_TYPE_LATEST)


def _json(status: int, value: object) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")

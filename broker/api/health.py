"""Liveness, readiness, metrics and the catalogue."""

import asyncio
from contextlib import suppress

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from broker.api.core import core_of
from broker.dialects.model_name import check_model
from broker.errors import StoreAway
from broker.routing import policy_for
from broker.settings import Settings
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


async def list_models(request: Request) -> Response:
    """``GET /v1/models``: the public names. ``PROVIDER/MODEL`` works beside them."""
    settings = core_of(request).settings
    names = sorted(settings.routes)
    ends = {"first_id": names[0], "last_id": names[-1]} if names else {}
    data = [_model(settings, name) for name in names]
    return _json(200, {"object": "list", "data": data, "has_more": False, **ends})


async def retrieve_model(request: Request) -> Response:
    """``GET /v1/models/{model}``: a public name, or ``PROVIDER/MODEL``.

    Raises:
        UnknownModel: there is no such model. BadRequest: there can be none.
    """
    name = request.path_params["model"]
    check_model(name)
    return _json(200, _model(core_of(request).settings, name))


def _model(settings: Settings, name: str) -> dict[str, str | int]:
    """A model as OpenAI's and Anthropic's SDKs know one; when it was made is nobody's to say."""
    owner = policy_for(settings, name).targets[0].provider
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": owner,
        "type": "model",
        "display_name": name,
        "created_at": "1970-01-01T00:00:00Z",
    }


def _json(status: int, value: object) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")

"""``GET /v1/models``: every name that a call may use, as OpenAI's and Anthropic's SDKs know one.

Both dialects' parameters page through it: ``after`` and ``after_id`` are one, and so on. Without
``limit`` the answer has all.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from broker.api.core import core_of
from broker.catalog import Catalog, Listed, Public, meaning
from broker.dialects.model_name import check_model
from broker.errors import BadRequest
from broker.routing import policy_for

_MOST = 1000  # of a page that is asked for
_LATEST = 253402300799  # Unix seconds: the last that a date can say


async def list_models(request: Request) -> Response:
    """``GET /v1/models``: the public names. ``PROVIDER/MODEL`` works beside them."""
    catalog = core_of(request).model_lists.catalog()
    first, last = _page(request, catalog)
    shown = catalog.public[first:last]
    ends = {"first_id": shown[0].name, "last_id": shown[-1].name} if shown else {}
    more = first > 0 if _asked(request, "before") is not None else last < len(catalog.public)
    data = [_described(each) for each in shown]
    return _json({"object": "list", "data": data, "has_more": more, **ends})


async def retrieve_model(request: Request) -> Response:
    """``GET /v1/models/{model}``: any name that a call may use.

    Raises:
        UnknownModel: there is no such model. BadRequest: there can be none, or several have it.
    """
    name, core = request.path_params["model"], core_of(request)
    check_model(name)
    catalog = core.model_lists.catalog()
    target = policy_for(
        core.settings, meaning(core.settings, name, None, core.model_lists.catalog)
    ).targets[0]
    listed = catalog.listed(target.provider, target.model)
    return _json(_described(Public(name, target.provider, listed)))


def _page(request: Request, catalog: Catalog) -> tuple[int, int]:
    """The places in the list from the first one shown to behind the last one."""
    count = len(catalog.public)
    after, before = _asked(request, "after"), _asked(request, "before")
    if after is not None and before is not None:
        raise BadRequest("'after' and 'before' don't go together.", param="before")
    limit = _limit(request.query_params.get("limit"), count)
    if before is not None:
        end = _place(catalog, before, "before")
        return max(0, end - limit), end
    first = 0 if after is None else _place(catalog, after, "after") + 1
    return first, min(count, first + limit)


def _asked(request: Request, name: str) -> str | None:
    """A place that is named by either dialect's parameter."""
    query = request.query_params
    return query.get(f"{name}_id") or query.get(name) or None


def _place(catalog: Catalog, name: str, param: str) -> int:
    place = catalog.places.get(name)
    if place is None:
        raise BadRequest(f"There is no model {name[:256]!r} in the list.", param=param)
    return place


def _limit(text: str | None, count: int) -> int:
    if text is None:
        return count
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= _MOST):
        raise BadRequest(f"'limit' must be a number from 1 to {_MOST}.", param="limit")
    return int(text)


def _described(model: Public) -> dict[str, Any]:
    """When a model was made, and what it takes, is there if its provider says so."""
    listed = model.listed or Listed(model.name)
    created = min(listed.created or 0, _LATEST)
    window = {"context_window": listed.window, "context_length": listed.window}
    return {
        "id": model.name,
        "object": "model",
        "created": created,
        "owned_by": model.owner,
        "type": "model",
        "display_name": model.name,
        "created_at": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **(window if listed.window is not None else {}),
    }


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), 200, media_type="application/json")

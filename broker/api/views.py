"""The view of a dialect's own endpoint; that of a response knows the response's id."""

from typing import Any

from broker.api.core import Core
from broker.dialects import View
from broker.dialects.dialect import Dialect
from broker.dialects.responses import ResponsesView
from broker.dialects.responses.dialect import RESPONSES


async def view_of(core: Core, dialect: Dialect, key: str, request: dict[str, Any]) -> View:
    """The view of a job, whose ``request`` has at least its model.

    Raises:
        StoreAway, StoreFull: the response's id could not be had.
    """
    if dialect is not RESPONSES:
        return dialect.view(request)
    ids = await core.store.response_ids.ready()
    return ResponsesView(ids.of(key), request["model"])

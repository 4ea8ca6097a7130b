"""A response as it is retrieved: at any time of its job's life, and what it was asked.

While the job is queued there is nothing but the request to make it of; once the provider has
begun, the stream has it (see ``fold``). How the job ended is what its record says.
"""

from typing import Any

import msgspec

from broker.dialects.responses.echo import DEFAULTS, echoed
from broker.errors import BadRequest
from broker.model import Failure, Job, JobState

_STATUS = {
    JobState.QUEUED: "queued",
    JobState.RUNNING: "in_progress",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def said_again(body: bytes) -> dict[str, Any]:
    """What ``resource`` needs of a request's JSON: the rest, and what is in it, may be large."""
    fields = _fields(body)
    return {key: fields[key] for key in DEFAULTS if bytes(fields.get(key, b"null")) != b"null"}


def resource(
    name: str, job: Job, request: dict[str, Any], answer: dict[str, Any]
) -> dict[str, Any]:
    """The response of a job, by its id.

    ``answer`` is the fold of the job's stream, empty if nothing is there.
    """
    if job.state is JobState.COMPLETED:
        return answer
    shown: dict[str, Any] = {
        "id": name,
        "object": "response",
        "created_at": job.created_ms // 1000,
        "error": None,
        "incomplete_details": None,
        "model": job.model,
        "output": [],
        "usage": None,
        **echoed(request),
        **answer,
    }
    shown["status"] = _STATUS[job.state]
    if job.error is not None and job.state is JobState.FAILED and not shown["error"]:
        shown["error"] = _error(job.error)
    return shown


def _error(failure: Failure) -> dict[str, Any]:
    """A failure as a response has it: a code that is always there, and a message."""
    return {"code": failure.code or failure.type, "message": failure.message}


def input_items(name: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    """The items that a response was asked with, in order, each with an id.

    ``name`` is the response's id: an item that came without an id gets one of that and its
    place, which is the same every time.
    """
    asked = request.get("input")
    items = asked if isinstance(asked, list) else [] if asked is None else [asked]
    return [_item(name.removeprefix("resp_"), place, item) for place, item in enumerate(items)]


def input_page(
    name: str, request: dict[str, Any], newest_first: bool, limit: int, after: str | None
) -> dict[str, Any]:
    """A page of those items, which begins after the item of that id.

    Raises:
        BadRequest: there is no such item.
    """
    items = input_items(name, request)
    if newest_first:
        items.reverse()
    if after is not None:
        places = [place for place, item in enumerate(items, 1) if item["id"] == after]
        if not places:
            raise BadRequest("There is no such item.", param="after")
        items = items[places[0] :]
    page = items[:limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(items) > len(page),
    }


def _item(key: str, place: int, item: Any) -> dict[str, Any]:
    if isinstance(item, str):
        item = {"role": "user", "content": item}
    kind = item.get("type") or ("message" if "role" in item else "item_reference")
    prefix = _PREFIX.get(kind, "item") if isinstance(kind, str) else "item"
    shown = {"id": f"{prefix}_{key}{place:04d}", "type": kind, **item}
    if kind == "message":
        shown.setdefault("status", "completed")
        if isinstance(shown.get("content"), str):
            part = "output_text" if shown.get("role") == "assistant" else "input_text"
            shown["content"] = [{"type": part, "text": shown["content"]}]
    return shown


_PREFIX = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "reasoning": "rs",
}

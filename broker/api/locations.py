"""``Location``: where a stream that was cut goes on, by a GET with ``Last-Event-ID``.

Every streaming answer has it, a POST's too, whose body its reader need not send again: the
same job in the same view. Clients that resume by it (langgraph-sdk) put it behind their base
URL as it is, so it is a path, without an authority.
"""

from typing import Any

from starlette.requests import Request


def located(request: Request) -> dict[str, str]:
    """The header of a stream that was asked for by a GET: its own address, as it was called."""
    query = request.scope["query_string"].decode("latin1")
    return {"location": request.url.path + (f"?{query}" if query else "")}


def in_its_dialect(request_id: str, call: dict[str, Any]) -> dict[str, str]:
    """The header of a stream that a call has begun on its dialect's own surface."""
    options = call.get("stream_options")
    usage = isinstance(options, dict) and options.get("include_usage")
    more = "&include_usage=true" if usage else ""
    return {"location": f"/v1/jobs/{request_id}/events?view=dialect{more}"}


def of_response(name: str) -> dict[str, str]:
    """The header of a response's events."""
    return {"location": f"/v1/responses/{name}?stream=true"}

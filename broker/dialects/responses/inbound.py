"""What becomes of a provider's events on their way into the stream.

The response's id is the broker's, and what the response says of how it was asked for is what
the caller asked: a provider is told other words than its caller's for the response before
(its own id), and for how the answer is to be run and kept. Only the events that hold a whole
response, or name one, are taken apart for this; every other one loses its number, no more.
"""

from typing import Any

import msgspec

from broker.dialects.responses.event import event_frame, fields_of, unnumbered
from broker.dialects.responses.gathered import LIFE
from broker.dialects.wire import encode
from broker.frames import Frame

_LIFE = frozenset(LIFE)


class Inbound:
    """The way in of one job's events, from however many providers they come."""

    def __init__(self, response_id: str, request: dict[str, Any]) -> None:
        self._id = response_id
        self._asked = {
            "previous_response_id": request.get("previous_response_id"),
            "background": bool(request.get("background")),
            "store": request.get("store") is not False,
        }

    def frame(self, kind: str, data: bytes) -> Frame:
        """The frame of an event, given its type and its data as the provider sent them."""
        if kind in _LIFE:
            fields = fields_of(data)
            fields.pop("sequence_number", None)
            if "response" in fields:
                fields["response"] = self.response(_opened(fields["response"]))
            return event_frame(kind, encode(fields))
        if b'"response_id"' in data:
            fields = fields_of(data)
            fields.pop("sequence_number", None)
            if "response_id" in fields:
                fields["response_id"] = self._id
            return event_frame(kind, encode(fields))
        return event_frame(kind, unnumbered(data))

    def response(self, response: Any) -> Any:
        """A response as the caller is to see it."""
        if not isinstance(response, dict):
            return response
        response["id"] = self._id
        response.update((k, v) for k, v in self._asked.items() if k in response)
        return response


def _opened(value: Any) -> Any:
    """The object in a field's bytes, its fields again in theirs."""
    if isinstance(value, msgspec.Raw):
        return fields_of(bytes(value)) or value
    return value

"""A provider that speaks the responses dialect: OpenAI's ``/responses`` and its kin."""

from typing import Any

import msgspec

from broker.dialects.responses import Inbound, response_id
from broker.frames import Frame
from workers.providers.asking import bearer
from workers.providers.base import Call, Reply
from workers.providers.responses_decoder import ResponsesDecoder, decode_whole
from workers.providers.upstream import Upstream


class ResponsesProvider(Upstream):
    """One account of a responses provider. A whole answer is told as events."""

    path = "/responses"

    def _own_headers(self, request: dict[str, Any]) -> dict[str, str]:
        return bearer(self._provider, self._key)

    def _body(self, call: Call, streams: bool) -> bytes:
        body: dict[str, Any] = {**call.request, "model": call.model, "stream": streams}
        # Between the caller and us: every call is run in the background here.
        body.pop("background", None)
        if not streams:
            body.pop("stream_options", None)
        if call.previous is not None:
            body["previous_response_id"] = call.previous
        return msgspec.json.encode(body)

    def _decoder(self, call: Call, reply: Reply) -> ResponsesDecoder:
        return ResponsesDecoder(reply, _inbound(call))

    def _whole(self, call: Call, body: bytes, reply: Reply) -> list[Frame]:
        return decode_whole(body, reply, _inbound(call))


def _inbound(call: Call) -> Inbound:
    return Inbound(response_id(call.key), call.request)

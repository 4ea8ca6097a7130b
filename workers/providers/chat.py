"""A provider that speaks the chat dialect: OpenAI's ``/chat/completions`` and its kin."""

from typing import Any

import msgspec

from broker.frames import Frame
from workers.providers.asking import bearer, flagged
from workers.providers.base import Call, Reply
from workers.providers.chat_decoder import ChatDecoder, decode_whole
from workers.providers.upstream import Upstream


class ChatProvider(Upstream):
    """One account of a chat provider."""

    path = "/chat/completions"

    def _own_headers(self, request: dict[str, Any]) -> dict[str, str]:
        return bearer(self._provider, self._key)

    def _body(self, call: Call, streams: bool) -> bytes:
        asked = flagged(call.request, call.partial)
        body: dict[str, Any] = {**asked, "model": call.model, "stream": streams}
        options = self._stream_options(body.get("stream_options")) if streams else {}
        if options:
            body["stream_options"] = options
        else:
            body.pop("stream_options", None)
        return msgspec.json.encode(body)

    def _stream_options(self, own: Any) -> dict[str, Any]:
        """The caller's, with our wish for usage: whether he sees it is between him and us."""
        options = dict(own) if isinstance(own, dict) else {}
        if self._provider.quirks.usage_option:
            options["include_usage"] = True
        else:
            options.pop("include_usage", None)
        return options

    def _decoder(self, call: Call, reply: Reply) -> ChatDecoder:
        wanted = call.request.get("n")
        return ChatDecoder(reply, wanted if isinstance(wanted, int) and wanted > 0 else 1)

    def _whole(self, call: Call, body: bytes, reply: Reply) -> list[Frame]:
        return [decode_whole(body, reply)]

"""A provider that speaks the messages dialect: Anthropic's ``/messages``."""

from typing import Any

from broker.dialects.messages.betas import BETA, header_of
from broker.dialects.messages.request import VERSION
from broker.frames import Frame
from workers.providers.base import Call, Reply
from workers.providers.messages_decoder import MessagesDecoder, decode_whole
from workers.providers.upstream import Upstream


class MessagesProvider(Upstream):
    """One account of a messages provider."""

    path = "/messages"

    def _own_headers(self, request: dict[str, Any]) -> dict[str, str]:
        headers = {"anthropic-version": VERSION}
        if self._key is not None:
            headers["x-api-key"] = self._key.reveal().strip()
        if betas := request.get(BETA):
            headers["anthropic-beta"] = header_of(betas)
        return headers

    def _decoder(self, call: Call, reply: Reply) -> MessagesDecoder:
        return MessagesDecoder(reply)

    def _whole(self, call: Call, body: bytes, reply: Reply) -> list[Frame]:
        return [decode_whole(body, reply)]

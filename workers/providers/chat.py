"""A provider that speaks the chat dialect: OpenAI's ``/chat/completions`` and its kin."""

from typing import Any

from broker.frames import Frame
from workers.providers.asking import bearer
from workers.providers.base import Call, Reply
from workers.providers.chat_decoder import ChatDecoder, decode_whole
from workers.providers.upstream import Upstream


class ChatProvider(Upstream):
    """One account of a chat provider."""

    path = "/chat/completions"

    def _own_headers(self, request: dict[str, Any]) -> dict[str, str]:
        return bearer(self._provider, self._key)

    def _decoder(self, call: Call, reply: Reply) -> ChatDecoder:
        return ChatDecoder(reply, _choices(call))

    def _whole(self, call: Call, body: bytes, reply: Reply) -> list[Frame]:
        return [decode_whole(body, reply, _choices(call))]


def _choices(call: Call) -> int:
    wanted = call.request.get("n")
    return wanted if isinstance(wanted, int) and wanted > 0 else 1

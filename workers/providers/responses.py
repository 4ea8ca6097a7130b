"""A provider that speaks the responses dialect: OpenAI's ``/responses`` and its kin.

One that resumes is asked to run every call in the background: a response then goes on without
its reader, and is retrieved by its id, from any of its events on. A caller who wants nothing
stored there (``store`` false) can't have that.
"""

from typing import Any

from broker.dialects.responses import Inbound
from broker.frames import Frame
from broker.settings import addresses
from workers.providers.asking import bearer
from workers.providers.base import Call, Held, Reply
from workers.providers.exchange import Exchange
from workers.providers.responses_decoder import ResponsesDecoder, decode_whole
from workers.providers.upstream import Upstream


class ResponsesProvider(Upstream):
    """One account of a responses provider. A whole answer is told as events."""

    path = "/responses"

    def _own_headers(self, request: dict[str, Any]) -> dict[str, str]:
        return bearer(self._provider, self._key)

    def knows(self, held: Held) -> bool:
        """See ``base.Provider``."""
        return self.resumes and bool(held.provider_id) and held.provider_id not in (".", "..")

    async def _ask(self, exchange: Exchange, call: Call, streams: bool) -> None:
        held = call.held
        if held is None or held.provider_id is None:
            await super()._ask(exchange, call, streams)
            return
        url = f"{self._base}{_path_of(held.provider_id)}?stream=true"
        if held.cursor is not None:
            url += f"&starting_after={held.cursor}"
        await exchange.get(url, self._headers(call, streams))

    def _stopped_at(self, call: Call) -> str | None:
        if call.held is None or call.held.provider_id is None or not self.knows(call.held):
            return None
        return f"{_path_of(call.held.provider_id)}/cancel"

    def _decoder(self, call: Call, reply: Reply) -> ResponsesDecoder:
        held = call.held
        return ResponsesDecoder(
            reply,
            _inbound(call),
            numbered=self.resumes,
            from_start=held is None or held.cursor is None,
        )

    def _whole(self, call: Call, body: bytes, reply: Reply) -> list[Frame]:
        return decode_whole(body, reply, _inbound(call))


def _inbound(call: Call) -> Inbound:
    return Inbound(call.response_id, call.request)


def _path_of(provider_id: str) -> str:
    return f"/responses/{addresses.segment(provider_id)}"

"""A provider that speaks the responses dialect: OpenAI's ``/responses`` and its kin.

One that resumes is asked to run every call in the background: a response then goes on without
its reader, and is retrieved by its id, from any of its events on. A caller who wants nothing
stored there (``store`` false) can't have that.
"""

from collections.abc import AsyncGenerator, Iterator
from typing import Any

import msgspec

from broker.dialects.responses import Inbound
from broker.frames import Frame
from broker.settings import addresses
from workers.providers import failures
from workers.providers.allowance import Share
from workers.providers.arrivals import connection_for
from workers.providers.asking import bearer
from workers.providers.base import Call, EventsOver, Held, ProviderFailure, Reply, Sink
from workers.providers.exchange import Exchange
from workers.providers.form import is_whole
from workers.providers.polling import NO_EVENTS, ended, standing_of
from workers.providers.responses_decoder import ResponsesDecoder, decode_whole
from workers.providers.slices import in_groups
from workers.providers.upstream import WHOLE_LIMIT, Upstream


class ResponsesProvider(Upstream):
    """One account of a responses provider. A whole answer is told as events."""

    path = "/responses"

    def _own_headers(self, request: dict[str, Any]) -> dict[str, str]:
        return bearer(self._provider, self._key)

    def knows(self, held: Held) -> bool:
        """See ``base.Provider``."""
        return self.resumes and bool(held.provider_id) and held.provider_id not in (".", "..")

    def stream(
        self, call: Call, reply: Reply, sink: Sink | None = None
    ) -> AsyncGenerator[list[Frame], None]:
        """See ``base.Provider``.

        Raises:
            EventsOver: as soon as it is known, of a call that is held.
        """
        if call.held is not None and call.held.whole:
            return self._poll(call, reply)
        return super().stream(call, reply, sink)

    async def _poll(self, call: Call, reply: Reply) -> AsyncGenerator[list[Frame], None]:
        assert call.held is not None
        assert call.held.provider_id is not None
        url = self._base + _path_of(call.held.provider_id)
        headers, timeouts = self._headers(call, streams=False), call.timeouts
        share = Share(self._allowance, call.account)

        async def ask(seconds: float) -> bytes:
            share.release()
            limits = msgspec.structs.replace(timeouts, total=min(seconds, timeouts.total))
            async with Exchange(self._session, limits) as exchange:
                await exchange.get(url, headers)
                if not await is_whole(exchange, self._refused):
                    raise ProviderFailure(failures.garbled("content_type"))
                body = await exchange.whole(WHOLE_LIMIT, share)
                exchange.complete()
                return body

        try:
            body = await ended(ask, timeouts.total)
            for frames in in_groups(decode_whole(body, reply, _inbound(call))):
                yield frames
        finally:
            share.release()

    async def _ask(self, exchange: Exchange, call: Call, streams: bool) -> None:
        held = call.held
        if held is None or held.provider_id is None:
            await super()._ask(exchange, call, streams)
            return
        url = f"{self._base}{_path_of(held.provider_id)}?stream=true"
        if held.cursor is not None:
            url += f"&starting_after={held.cursor}"
        with connection_for(call.anew):
            await exchange.get(url, self._headers(call, streams))
        if exchange.response.status in NO_EVENTS:
            raise EventsOver(await exchange.refusal(self._refused))

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

    def _whole(self, call: Call, body: bytes, reply: Reply) -> Iterator[Frame]:
        """See ``Upstream``. A response that goes on by itself, or that was asked for again, may be
        given as it stands."""
        if call.held is not None:
            raise EventsOver(failures.cut())
        standing = standing_of(body)
        if self.resumes and standing.pending:
            reply.provider_id = standing.id
            raise ProviderFailure(failures.cut("in_progress"))
        return decode_whole(body, reply, _inbound(call))


def _inbound(call: Call) -> Inbound:
    return Inbound(call.response_id, call.request)


def _path_of(provider_id: str) -> str:
    return f"/responses/{addresses.segment(provider_id)}"

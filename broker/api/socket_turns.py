"""What one event of a WebSocket's client comes to, and what its connection keeps to go on from."""

import secrets
from collections.abc import Callable

import msgspec

from broker.api.conversations import Kept
from broker.api.core import Core
from broker.api.lane import PATH, Calls, Headers, Telling
from broker.api.warmed import warmed
from broker.api.websocket import WebSocket
from broker.dialects.responses import socket_event as said
from broker.errors import JobGone, JobNotFound, PreviousNotFound, StreamholdError


class Turns:
    """One connection's. ``key`` is the first response's, if the upgrade gave one."""

    def __init__(self, core: Core, account: str, socket: WebSocket, calls: Calls) -> None:
        self.key: str | None = None
        self._core = core
        self._account = account
        self._socket = socket
        self._calls = calls
        self._number = core.conversations.connect()
        self._latest: dict[str | None, str] = {}  # by lane, the response that is kept

    def end(self) -> None:
        """The connection is over."""
        for name in self._latest.values():
            self._core.conversations.drop(self._number, name)

    async def take(self, parts: said.Parts, release: Callable[[], None]) -> Telling:
        """Answer an event; ``release`` is called once its bytes are counted as the call's.

        Raises:
            PreviousNotFound: what it goes on from is not there, here or in the store.
            BadRequest: its input is wrong. UnknownModel: no such model, where nobody else says so.
        """
        asked = parts.asked
        if asked.kind == said.RESUME:
            return await self._go_on(asked)
        try:
            telling = await self._create(parts, release)
        except StreamholdError:
            self._forget(asked.previous)
            raise
        if telling.failed:
            self._forget(asked.previous)
        return telling

    async def _go_on(self, asked: said.Asked) -> Telling:
        """Send a response that was made before."""
        telling = Telling(self._socket, asked.lane)
        target = f"{PATH}/{asked.response_id}?stream=true&starting_after={asked.after or 0}"
        await self._calls.make(telling, "GET", target, [], b"")
        return telling

    async def _create(self, parts: said.Parts, release: Callable[[], None]) -> Telling:
        """Make a response."""
        asked, conversations = parts.asked, self._core.conversations
        items = said.items_of(parts.input) if parts.input else None
        rest, base, given = parts.rest, asked.previous, parts.input
        kept = conversations.find(self._number, base) if base is not None else None
        if kept is not None:
            items, base = said.joined([kept.items, items or b""]), kept.previous
            given = b"[%b]" % items
            rest = said.replaced(rest, base)
        elif base is not None:
            await self._check_kept(base)
        body = said.body_of(rest, given)  # as it came, so that it equals the same call over HTTP
        if not asked.generate:
            name = f"resp_{secrets.token_hex(20)}"
            events = warmed(self._core, name, asked.previous, body)
            self._keep(asked.lane, name, Kept(items or b"", base))
            return await Telling(self._socket, asked.lane).all(events)
        release()
        held = None if asked.store or len(items or b"") > conversations.most else items or b""
        counted = self._core.offload.budget.reserve(self._account, len(held or b""))
        telling = Telling(self._socket, asked.lane)
        if kept is not None:
            telling.previous = asked.previous
        if held is not None:
            telling.ended = lambda data: self._ended(asked.lane, held, base, data)
        try:
            await self._calls.make(telling, "POST", PATH, self._headers(asked, len(body)), body)
        finally:
            counted.release()
        return telling

    async def _check_kept(self, name: str) -> None:
        """Return if a response is one to go on from; what is none of ours the call itself judges.

        Raises:
            PreviousNotFound: it is not there any more, or somebody else's.
        """
        store = self._core.store
        key = await store.response_ids.key_of(name)
        if key is None:
            return
        try:
            job = await store.jobs.get(key)
        except (JobNotFound, JobGone):
            job = None
        if job is None or job.account != self._account or (job.state.final and not job.keep):
            raise PreviousNotFound(f"It is {name!r}.", param="previous_response_id")

    def _headers(self, asked: said.Asked, size: int) -> Headers:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % size)]
        key, self.key = asked.key or self.key, None
        if key is not None:
            headers.append((b"idempotency-key", key.encode("latin-1", "replace")))
        if asked.after is not None:
            headers.append((b"last-event-id", b"%d" % asked.after))
        return headers

    def _ended(self, lane: str | None, items: bytes, base: str | None, data: bytes) -> None:
        """Keep what a response leaves to go on from."""
        try:
            name, output = said.answered(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # a provider's, which nobody can go on from
        self._keep(lane, name, Kept(said.joined([items, output]), base))

    def _keep(self, lane: str | None, name: str, kept: Kept) -> None:
        conversations = self._core.conversations
        former = self._latest.pop(lane, None)
        if former is not None:
            conversations.drop(self._number, former)
        if conversations.keep(self._number, self._account, name, kept):
            self._latest[lane] = name

    def _forget(self, name: str | None) -> None:
        """A response that went on from this one has failed: its client is to send all again."""
        if name is not None:
            self._core.conversations.drop(self._number, name)

"""A request as the proxy sends it to the broker, under which key, and as which call."""

import secrets
from typing import TYPE_CHECKING

from streamhold_client.call import STREAMS, Call, new_call
from streamhold_client.proxy import heads
from streamhold_client.proxy.losses import FAULTS
from streamhold_client.proxy.manner import Again, manner_of
from streamhold_client.proxy.orphans import digest_of
from streamhold_client.proxy.request import Headers, Request
from streamhold_client.proxy.upstream import Answer

if TYPE_CHECKING:
    from streamhold_client.proxy.server import Proxy

_LONGEST_POLL = 60.0  # seconds
_KEY, _AFTER = b"idempotency-key", b"last-event-id"
_JOIN, _RETRIED = b"x-streamhold-join", b"x-stainless-retry-count"
_CREDENTIALS = (b"authorization", b"x-api-key")


class Outgoing:
    """One request, to be sent as often as it takes. ``names_it``: its key is the proxy's."""

    def __init__(self, proxy: "Proxy", request: Request) -> None:
        self._proxy = proxy
        self._request = request
        self._digest: bytes | None = None
        self.manner = manner_of(request.method.decode(), request.path, request.query)
        own = request.header(_KEY)
        self.names_it = self.manner.keyed and own is None
        key = self._key() if self.names_it else own
        self.call = self._new_call(key if self.manner.known_by_key else None)
        self._headers = heads.end_to_end(request.headers)
        self._more = self._ours(key)

    def _new_call(self, key: str | None) -> Call:
        request, settings = self._request, self._proxy.settings
        ends = self.manner.ends or (lambda block: False)
        call = new_call(key, FAULTS, settings.patience, ends, request.header(_AFTER))
        call.met, call.guarded = self._proxy.met is not False, True
        return call

    def _ours(self, key: str | None) -> dict[bytes, bytes]:
        """The headers that are the proxy's to say."""
        via = self._request.header(b"via")
        before = f"{via}, " if via else ""
        more = {
            b"host": self._proxy.settings.broker.authority.encode(),
            b"via": f"{before}1.1 {self._proxy.name}".encode("latin1"),
        }
        if self.names_it and key is not None:
            more[_KEY] = key.encode()
        if self.manner.ends is not None:
            more[b"accept-encoding"] = b"identity"
        return more

    def _key(self) -> str:
        """The key of an earlier call that this one goes on with, or a new one."""
        orphans = self._proxy.orphans
        if orphans:
            key = orphans.take(self.digest(), self.number, self.join)
            if key is not None:
                return key
        return f"call-{secrets.token_hex(16)}"

    @property
    def join(self) -> float:
        """Seconds that an equal call may come after this one."""
        try:
            return float(self._request.header(_JOIN) or self._proxy.settings.join)
        except ValueError:
            return 0.0  # the broker refuses it

    def digest(self) -> bytes:
        """What it shares with calls that are equal."""
        if self._digest is None:
            request = self._request
            credentials = "\n".join(request.header(name) or "" for name in _CREDENTIALS)
            self._digest = digest_of(request.path, credentials, request.body)
        return self._digest

    @property
    def number(self) -> int:
        """Which attempt of its SDK's it is, from 0."""
        text = self._request.header(_RETRIED)
        return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0

    @property
    def counts(self) -> bool:
        """Whether its SDK counts its attempts."""
        return self._request.header(_RETRIED) is not None

    @property
    def credentials(self) -> Headers:
        return [pair for pair in self._headers if pair[0].lower() in _CREDENTIALS]

    @property
    def _silence(self) -> float | None:
        """Seconds until an answer's head is overdue; None if it may take any time.

        A stream begins, with pings perhaps, within ten seconds; a poll may wait for a minute.
        """
        silence, method = self._proxy.settings.silence, self._request.method
        if method != b"POST":
            return silence + _LONGEST_POLL
        return silence if self.manner.ends and STREAMS.search(self._request.body) else None

    async def send(self) -> Answer:
        """Ask, to go on after the cursor. Raises Lost."""
        request, after = self._request, self.call.track.cursor
        more = {**self._more, _AFTER: b"%d" % after} if after else self._more
        prefix = self._proxy.settings.broker.prefix.encode()
        body = request.body
        size = len(body) if body or request.has_body else None
        head = heads.asked(request.method, prefix + request.target, self._headers, more, size)
        once = self.manner.again is Again.UNSENT or self.call.met is False
        return await self._proxy.pool.ask(
            head,
            body,
            is_head=request.method == b"HEAD",
            fresh=once,
            silence=None if self.call.met is False else self._silence,
        )

"""Failover: another server takes over behind the store's address, while our connections live.

A demoted primary closes no connection. It refuses writes with READONLY, and goes on to answer reads
and to publish, as a replica. A name may point to another host while the old one still answers. So
the connections of a process are watched together, and moved together:

    a reply that says "not here, or not now" ─┐
    two connections lead to different servers ─┼─▶ connect anew: which server is there now?
    the name has another address               ─┘        │ another than ours, and it can serve
                                                        ▼
                                       cut the connections that lead elsewhere

Nothing is cut before a server that can serve has answered at the address, so a passing error
(a full disk, a cluster that votes) costs one more connection at a time and no reader its place.
What is cut is made again by whoever uses it, as after any loss: writers send again what was not
acknowledged, readers catch up, subscriptions are made anew.
"""

import asyncio
import ipaddress
import socket
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from redis.asyncio.connection import parse_url

from broker import log
from broker.errors import StoreAway
from broker.store.wire import Wire

_EVERY = 2.0  # seconds between two looks at the name, and at where the connections lead
_MOST = 60.0  # seconds, after looks that found nothing: a name may stand for several ways in
_PAUSE = 0.5  # seconds between two attempts while errors go on
_LONG_PAUSE = 3.0  # the same for servers that don't say which they are: each cuts all connections
_PROBE = 2.0  # seconds that an attempt may take
_LOOKUP = 1.0  # seconds that is waited for a name
# What only a server says that is no store of ours any more, or not yet.
_UNFIT = frozenset(("LOADING", "MASTERDOWN", "MOVED", "READONLY", "UNBLOCKED"))
_NAME = "name"


class Connections:
    """One process's connections to the store at ``url``; "" for a store that is no server.

    ``epoch`` rises whenever they have come to another server: what was connected before that is
    connected again.
    """

    def __init__(self, url: str = "", *, name: str = "", timeout: float = _PROBE) -> None:
        self.epoch = 0
        self._url = url
        self._host, self._port = _name_in(url) if url else ("", 0)
        self._name = name
        self._timeout = min(timeout, _PROBE)
        self._wires: WeakSet[Wire] = WeakSet()
        self._server = ""  # the run id of the one that was connected to last
        self._word = ""  # what was heard last that raises a doubt
        self._doubted = asyncio.Event()
        self._lookup: asyncio.Task[set[str]] | None = None

    # ── What wires report (``wire.Home``) ─────────────────────────────────────────────

    def add(self, wire: Wire) -> None:
        """Watch this one too."""
        self._wires.add(wire)

    def met(self, server: str) -> None:
        """A wire was connected to the server of this run id; "" if it doesn't say."""
        if server and server != self._server:
            if self._server:
                self.epoch += 1
            self._server = server

    def doubt(self, word: str) -> None:
        """A server refused a command with this word: the store may be elsewhere."""
        if word not in _UNFIT and self._word in _UNFIT:
            return
        self._word = word
        self._doubted.set()

    # ── The watch ─────────────────────────────────────────────────────────────────────

    async def watch(self) -> None:
        """Follow the address until cancelled; returns at once for a store that is no server."""
        if not self._url:
            return
        loop = asyncio.get_running_loop()
        due, wait = loop.time() + _EVERY, _EVERY
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._doubted.wait()
            self._doubted.clear()
            word, self._word = self._word, ""
            if word:
                if not await self._look(word):
                    await asyncio.sleep(_PAUSE if self._server else _LONG_PAUSE)
                continue
            moved = await self._name_moved()
            if not (moved or self._divided()) or await self._look(_NAME):
                wait = _EVERY
            else:
                wait = min(2 * wait, _MOST)
            due = loop.time() + wait

    async def _look(self, reason: str) -> bool:
        """Connect anew, and move there if it is elsewhere; whether it was."""
        probe = Wire(self._url, name=f"{self._name}-probe", timeout=self._timeout)
        try:
            server = await probe.server()
        except StoreAway:
            return False  # there is nothing to move to yet
        finally:
            await probe.close()
        if not server and reason != _NAME and reason not in _UNFIT:
            return False
        elsewhere = [wire for wire in self._connected() if not server or wire.at != server]
        if not elsewhere and (not server or server == self._server):
            return False
        self.epoch += 1
        self._server = server
        log.warning("store.moved", reason=reason, connections=len(elsewhere))
        for wire in elsewhere:
            wire.drop()
        return True

    def _connected(self) -> list[Wire]:
        return [wire for wire in self._wires if wire.usable]

    def _divided(self) -> bool:
        """Whether connections lead to different servers, as far as those say which they are."""
        return len({wire.at for wire in self._connected() if wire.at}) > 1

    async def _name_moved(self) -> bool:
        """Whether a connection leads to an address that the name no longer has."""
        peers = {wire.peer for wire in self._connected() if wire.peer}
        if not self._host or not peers:
            return False
        if self._lookup is None:
            self._lookup = asyncio.create_task(_addresses(self._host, self._port))
        done, _ = await asyncio.wait((self._lookup,), timeout=_LOOKUP)
        if not done:
            return False  # one that hangs is left to end: threads would pile up
        lookup, self._lookup = self._lookup, None
        found = lookup.result()
        return bool(found) and not peers <= found


def _name_in(url: str) -> tuple[str, int]:
    """The host name in a store's address, and the port; "" if it has none that could move."""
    options: dict[str, Any] = dict(parse_url(url))
    host = options.get("host", "localhost")
    if "path" in options:
        return "", 0
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host, options.get("port", 6379)
    return "", 0


async def _addresses(host: str, port: int) -> set[str]:
    """The addresses of a name; none if it can't be looked up just now."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {str(address[0]) for *_, address in found}

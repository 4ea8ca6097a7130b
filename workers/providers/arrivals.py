"""A connection that says when something has arrived, in the very turn of the loop.

aiohttp tells of what arrives by waking a task, which costs more than to read a token. Its
protocol is asked instead: after each read of the socket, with everything parsed that came in it.

    socket ─▶ plain chunks ────────────────────────────────▶ sink, else on_content
           └▶ all else ─▶ aiohttp's parser ─▶ its buffer ──▶ on_arrival

A body in plain chunks, as nearly all streams are, is read past the parser, which would cost
four times as much. It is given whatever is not plain: a chunk in parts, the last one. While
one is in parts it is known how many bytes are missing, and after those it is plain again.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from workers.providers.chunks import read_chunks, whole_chunk
from workers.providers.slices import SLICE, floods_of


class Arrivals(ResponseHandler):
    """One connection. The hooks belong to the exchange that has it, and are called often.

    ``sink`` is set while somebody waits for content: it says whether it took what it was given,
    and if not ``on_refusal`` is called.
    """

    on_arrival: Callable[[], None] | None = None
    sink: Callable[[bytes], bool] | None = None
    _on_content: Callable[[bytes], None]
    _on_refusal: Callable[[], None]
    _plain = False  # the parser stands where a chunk begins
    _missing = 0  # bytes until it does
    _latest = b""  # that arrived while nobody had the connection
    _held = b""  # of a large read: see ``slices``
    _waits = False  # it is in no queue, until reading is resumed
    _calls = 0  # that had it so far

    def begin(self) -> None:
        """A call has it from now on."""
        self._calls += 1
        self._latest = b""

    @property
    def had_ended(self) -> bool:
        """Of a connection that is lost: whether it was kept from an earlier call, and nothing came
        over it for this one."""
        return self._calls > 1 and not self._latest and self.on_arrival is None

    def follow(
        self,
        on_arrival: Callable[[], None],
        on_content: Callable[[bytes], None],
        on_refusal: Callable[[], None],
        *,
        chunked: bool,
    ) -> None:
        """Call these from now on, the answer's head having been read."""
        self.on_arrival, self._on_content = on_arrival, on_content
        self._on_refusal = on_refusal
        latest, self._latest = self._latest, b""
        self._plain, self._missing = False, 0
        head, _, body = latest.partition(b"\r\n\r\n")
        if chunked and head.startswith(b"HTTP/1.1 200"):
            chunks = read_chunks(body)
            self._plain, self._missing = chunks.used == len(body), chunks.missing

    def data_received(self, data: bytes) -> None:
        if self._held and data:  # somebody has resumed reading
            self._held += data
            self._pause_transport_reading()
        elif len(data) > SLICE and self.on_arrival is not None:
            self._held = data[SLICE:]
            self._pause_transport_reading()
            floods_of(self._loop).add(self)
            self._take(data[:SLICE])
        else:
            self._take(data)

    def take_slice(self) -> bool:
        """See ``slices.Flooded``. None while whoever reads the answer has enough."""
        if self._reading_paused:
            self._waits = True
            return False
        data, self._held = self._held[:SLICE], self._held[SLICE:]
        if data:
            self._take(data)
        if self._held:
            return True
        if not (self._reading_paused or self._buffer_paused):
            self._resume_transport_reading()
        return False

    def resume_reading(self, resume_parser: bool = True) -> None:
        super().resume_reading(resume_parser)
        if self._held:  # else it would grow, and be copied with every slice
            self._pause_transport_reading()
        if self._waits and not self._reading_paused:
            self._waits = False
            if self._held:
                floods_of(self._loop).add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        held, self._held = self._held, b""
        if held and self.on_arrival is not None:  # it came, and is paid for
            self._take(held)
        super().connection_lost(exc)

    def _take(self, data: bytes) -> None:
        if self.on_arrival is None:
            self._latest = data
            super().data_received(data)
        elif not data:  # the parser is asked to go on, by whoever reads
            super().data_received(data)
        elif self._plain:
            self._read_plain(data)
        elif self._missing:
            self._missing -= min(len(data), missing := self._missing)
            self._plain = not self._missing
            self._parse(data[:missing])
            if len(data) > missing:
                self._read_plain(data[missing:])
        else:
            self._parse(data)

    def _read_plain(self, data: bytes) -> None:
        content = whole_chunk(data)
        if content is not None:
            self._give(content)
            return
        chunks = read_chunks(data)
        if chunks.content:
            self._give(chunks.content)
        if chunks.used < len(data):
            self._plain, self._missing = False, chunks.missing
            self._parse(data[chunks.used :])

    def _give(self, content: bytes) -> None:
        sink = self.sink
        if sink is None:
            self._on_content(content)
        elif not sink(content):
            self._on_refusal()

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        if self.on_arrival is not None:
            self.on_arrival()


RECEIVED = 256 * 1024  # bytes that the kernel may hold of one answer; Linux counts them double
# What is called, if it is still there, when the running task's request has its connection: where
# connecting ends and waiting begins. aiohttp's own sign of it, a trace, costs a tenth of a request.
CONNECTED: ContextVar[Callable[[], Callable[[ResponseHandler | None], None] | None]] = ContextVar(
    "connected", default=lambda: None
)
_ANEW: ContextVar[bool] = ContextVar("anew", default=False)


_ANY: AbstractContextManager[None] = nullcontext()


def connection_for(anew: bool) -> AbstractContextManager[None]:
    """What is asked within takes no connection that was kept, if it is to take a new one."""
    return _over_new_connection() if anew else _ANY


@contextmanager
def _over_new_connection() -> Iterator[None]:
    token = _ANEW.set(True)
    try:
        yield
    finally:
        _ANEW.reset(token)


class Connector(aiohttp.TCPConnector):
    """Makes such connections; without a limit, for the worker's concurrency is one.

    What a worker does not read the kernel holds for it; by its own measure that can grow with a
    fast stream up to 32 MB, which a worker that has stopped reading would go on to take.
    """

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        if isinstance(connection.protocol, Arrivals):
            connection.protocol.begin()
        connected = CONNECTED.get()()
        if connected is not None:
            connected(connection.protocol)
        return connection

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        return None if _ANEW.get() else await super()._get(key, traces)

    def __init__(self) -> None:
        super().__init__(
            limit=0, keepalive_timeout=60, ttl_dns_cache=300, socket_factory=_bounded_socket
        )
        handler: type[ResponseHandler] = Arrivals
        self._factory = partial(handler, loop=asyncio.get_running_loop())


def _bounded_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
    return made

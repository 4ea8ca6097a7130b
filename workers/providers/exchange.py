"""One HTTP exchange with a provider: a request out, its body in, watched and surely closed.

How it ends, and what becomes of the connection:

    body read to its end         back to the pool; aiohttp does so by itself
    answer complete before that  given LINGER seconds to end the body, then aborted: the
                                 end of a chunked body often trails the last event by a packet
    anything else                aborted at once, so that the provider stops generating

Both ends are in ``workers.providers.ending``.
"""

import asyncio
import io
import time
from collections.abc import Callable
from functools import lru_cache
from types import TracebackType
from typing import Self
from weakref import WeakMethod

import aiohttp
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict

from broker.model import Failure
from broker.refusal import ERROR_BODY, refused
from broker.settings import Timeouts
from workers.providers import failures
from workers.providers.allowance import Share
from workers.providers.arrivals import CONNECTED, Arrivals, Connector
from workers.providers.base import ProviderFailure
from workers.providers.deadline import Deadline
from workers.providers.ending import Linger, abort
from workers.providers.posting import LONGEST, Posts, check_head
from workers.providers.watchdog import Watchdog

Sink = Callable[[bytes], bool]
Judge = Callable[[int, bytes, str | None, float], Failure]

_ERROR_BODY_WAIT = 2.0  # seconds for the body of an error, whose status is known already
_LARGE = 1024 * 1024  # bytes of a request, above which aiohttp wants a file to send from


def new_session() -> aiohttp.ClientSession:
    """A session fit for exchanges; needs a running loop. Many calls share one.

    No limit on connections, for the worker's own concurrency is the limit; no cookies and no
    proxy from the environment; bodies as they are sent.
    """
    return aiohttp.ClientSession(
        connector=Connector(),
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


@lru_cache(maxsize=64)
def _timeout(connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect)


class Exchange:
    """An async context manager of one exchange, and the async iterator of its body.

    Each item is what has arrived since the last one. Iteration just ends, whatever ended the
    body: ``lost`` is None if its end was read, else the failure that took its place.
    """

    __slots__ = (
        "__weakref__",
        "_arrivals",
        "_called",
        "_clock",
        "_closed",
        "_complete",
        "_loop",
        "_out",
        "_posts",
        "_response",
        "_session",
        "_sink",
        "_timeout",
        "_waiter",
        "_watch",
        "lost",
        "progress",
    )

    def __init__(
        self, session: aiohttp.ClientSession, timeouts: Timeouts, posts: Posts | None = None
    ) -> None:
        self.lost: Failure | None = None
        self._session = session
        self._posts = posts  # the short way, if it is known
        self._timeout = _timeout(timeouts.connect)
        self._loop = asyncio.get_running_loop()
        self._watch = Watchdog(self._loop, timeouts)
        # What was read was worth something: the idle watchdog starts anew. It is told how many
        # events of the answer it held, if the answer is a stream of them.
        self.progress = self._watch.progress
        self._response: aiohttp.ClientResponse | None = None
        self._clock: Deadline | None = None  # over the wait for the answer's head
        self._closed: asyncio.Future[None] | None = None  # done when the connection is lost
        self._complete = False
        self._arrivals: Arrivals | None = None
        self._waiter: asyncio.Future[None] | None = None  # of a task that reads
        self._sink: Sink | None = None
        self._called = False  # by the sink
        self._out = False  # whether there was a connection to write to

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.stop()
        self._sink = None
        if self._arrivals is not None and self._arrivals.on_arrival == self._arrived:
            self._arrivals.on_arrival = None
        if self._closed is not None:
            self._closed.remove_done_callback(self._notice)
        response = self._response
        if response is None:
            return
        if response.connection is None:
            response.release()
        elif self._complete and self._closed is not None and not self._closed.done():
            Linger(self._loop, response, self._closed)
        else:
            abort(response)

    async def post(self, url: str, headers: CIMultiDict[str], body: bytes | bytearray) -> None:
        """Send the request and wait for the answer's head.

        Raises:
            ProviderFailure: as ``get``.
        """
        await self._ask("POST", url, headers, body)

    async def get(self, url: str, headers: CIMultiDict[str]) -> None:
        """Send a request without a body and wait for the answer's head.

        Raises:
            ProviderFailure: there is no head: unreachable, timed out, cut or garbled.
        """
        await self._ask("GET", url, headers, None)

    async def _ask(
        self, method: str, url: str, headers: CIMultiDict[str], body: bytes | bytearray | None
    ) -> None:
        clock = self._clock = Deadline(self._loop, self._watch.due()[0])
        try:
            with clock:
                response = await self._send(method, url, headers, body)
        # ValueError: an address or a header that can't be sent. TimeoutError is an OSError.
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            if clock.expired:
                raise ProviderFailure(failures.timed_out(self._watch.due()[1])) from error
            raise ProviderFailure(self._loss(error, body)) from error
        finally:
            self._clock = None
        self._response = response
        self._watch.watch(self._expire)
        self._follow(response)

    def _loss(self, error: BaseException, body: bytes | bytearray | None) -> Failure:
        """What it means that there is no head."""
        if (
            isinstance(error, ValueError)
            and self._out
            and not isinstance(error, aiohttp.InvalidURL)
        ):
            return failures.garbled("http")  # of the answer: the request was well
        failure = failures.lost(error)
        # A server that won't take so much may close before all of it was sent, and its refusal is
        # lost: whose fault it was can't be told.
        large = body is not None and len(body) > LONGEST
        return failures.cut("sending") if failure == failures.cut() and large else failure

    async def _send(
        self, method: str, url: str, headers: CIMultiDict[str], body: bytes | bytearray | None
    ) -> aiohttp.ClientResponse:
        posts = self._posts
        if posts is not None and method == "POST" and body and isinstance(body, bytes):
            data = posts.request(url, headers, body)
            if data is not None:
                return await posts.send(url, data, self._timeout, self._sent)
        check_head(headers)
        # Weakly: the task's context would hold what holds the task, until the collector comes, and
        # a connection that is made in it holds it for as long as it is kept.
        CONNECTED.set(WeakMethod(self._sent))
        return await self._session.request(
            method,
            url,
            data=io.BytesIO(body) if body and len(body) > _LARGE else body,
            headers=headers,
            allow_redirects=False,  # a key goes to no other host
            timeout=self._timeout,
        )

    def _sent(self) -> None:
        self._out = True
        self._watch.sent()
        if self._clock is not None:
            self._clock.move(self._watch.due()[0])

    @property
    def response(self) -> aiohttp.ClientResponse:
        """The answer's head; only once it was asked."""
        assert self._response is not None
        return self._response

    @property
    def elapsed(self) -> float:
        """Seconds since the exchange began."""
        return self._watch.elapsed

    def complete(self) -> None:
        """The answer is whole, though its body may not have ended."""
        self._complete = True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self.lost is not None:
            raise StopAsyncIteration
        self._watch.resume()
        try:
            data = await self._read()
        # A RuntimeError is what aiohttp gives to a read after a close it took note of.
        except (aiohttp.ClientError, HttpProcessingError, OSError, RuntimeError) as error:
            data = self._salvage(error)
        self._watch.pause()
        if not data and not self._called:
            raise StopAsyncIteration
        self._called = False
        return data

    def pour_into(self, sink: Sink) -> None:
        """Give what arrives while the iteration waits to ``sink``, in the turn it comes in.

        So no task is woken for it. The sink says false when one is to be: the iteration then
        gives nothing, once.
        """
        self._sink = sink

    async def _read(self) -> bytes:
        """What has arrived, once something has; nothing at the end, or if the sink says so."""
        content = self.response.content
        while True:
            if (error := content.exception()) is not None:
                raise error
            data = content.read_nowait()
            if data or content.is_eof():
                return data
            self._waiter = self._loop.create_future()
            if self._arrivals is not None:
                self._arrivals.sink = self._sink
            try:
                await self._waiter
            finally:
                self._waiter = None
                if self._arrivals is not None:
                    self._arrivals.sink = None
            if self._called:
                return b""

    def _arrived(self) -> None:
        """Something has, or the connection is lost."""
        waiter, content = self._waiter, self.response.content
        if waiter is None or waiter.done():
            return
        if self._sink is not None and content.exception() is None:
            while data := content.read_nowait():
                if not self._sink(data):
                    self._called = True
                    break
            else:
                if not content.is_eof():
                    return
        self._wake(waiter)

    def _poured(self, data: bytes) -> None:
        """Content has arrived, past aiohttp's parser, that no sink waits for."""
        self.response.content.feed_data(data)  # it is read from there in its turn
        self._arrived()

    def _refused(self) -> None:
        """The sink wants a task to go on."""
        self._called = True
        if self._waiter is not None and not self._waiter.done():
            self._wake(self._waiter)

    def _wake(self, waiter: asyncio.Future[None]) -> None:
        if self._arrivals is not None:
            self._arrivals.sink = None  # what comes until the task has its turn is read by it
        waiter.set_result(None)

    def _salvage(self, error: BaseException) -> bytes:
        """Note what ended the body; return what arrived before it.

        aiohttp raises as soon as the connection is lost, over bytes not yet read. They may
        be the end of the answer, and are paid for in any case.
        """
        expired = self._watch.expired
        self.lost = failures.timed_out(expired) if expired else failures.lost(error)
        content = self.response.content
        content.set_exception(None)  # type: ignore[arg-type]
        return content.read_nowait(-1)

    def _expire(self) -> None:
        abort(self.response)

    def _follow(self, response: aiohttp.ClientResponse) -> None:
        """Notice the connection's end by ourselves.

        aiohttp closes the connection over a malformed chunk (a proxy's error page in the
        middle of a stream, say) and leaves whoever reads the body waiting.
        """
        connection = response.connection
        protocol = None if connection is None else connection.protocol
        if protocol is None:
            return  # the body has ended already
        if isinstance(protocol, Arrivals):
            self._arrivals = protocol
            chunked = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
            if chunked:  # else the parser refuses its own first chunk after one that is poured
                response.content.begin_http_chunk_receiving()
            protocol.follow(self._arrived, self._poured, self._refused, chunked=chunked)
        self._closed = protocol.closed
        if self._closed is None:
            self._notice()
            return
        # The future outlives this exchange in the pool, and holds one _retrieve at most.
        self._closed.remove_done_callback(_retrieve)
        self._closed.add_done_callback(_retrieve)
        self._closed.add_done_callback(self._notice)

    def _notice(self, _closed: asyncio.Future[None] | None = None) -> None:
        content = self.response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError())
        self._arrived()

    async def whole(self, limit: int, share: Share | None = None) -> bytes:
        """The body, read to its end; ``share`` is what it is held by, if it may be large.

        Raises:
            ProviderFailure: it was cut, timed out, or is over ``limit`` bytes.
        """
        body = bytearray()
        async for data in self:
            self.progress()
            body += data
            if len(body) > limit:
                raise ProviderFailure(failures.garbled("body_too_large"))
            if share is not None and not share.covers(len(body)):
                await share.cover(len(body))
        if self.lost is not None:
            raise ProviderFailure(self.lost)
        return bytes(body)

    async def refusal(self, judge: Judge = refused) -> Failure:
        """What an answer with another status than 200 says, as far as its body arrives.

        ``judge`` is called with the status, the body, ``Retry-After`` and the time.
        """
        body = bytearray()
        try:
            async with asyncio.timeout(_ERROR_BODY_WAIT):
                async for data in self:
                    body += data
                    if len(body) >= ERROR_BODY:
                        break
        except TimeoutError:
            pass  # the status alone will do
        retry_after = self.response.headers.get("Retry-After")
        text = bytes(body[:ERROR_BODY])
        return judge(self.response.status, text, retry_after, time.time())


def _retrieve(closed: asyncio.Future[None]) -> None:
    """Take the exception of a lost connection, lest asyncio report it as overlooked."""
    if not closed.cancelled():
        closed.exception()

"""The short way out: a POST straight onto a pooled connection, head and body in one write.

aiohttp's session makes a request in 0.2 ms where a worker has rested: what it looks at are
redirects, cookies, proxies, traces and bodies of any kind, of which a call to a provider has
none, and on Python 3.11 its body waits for a task. Here are used its connector, its response
and its parser; what is between them is a head, which most calls share, and a write. The parser
and the response are made behind the write: the caller waits for no more than that.

What is not plain goes the long way: a long body, whose sending has to be waited for; an
address with a password in it; headers that say how a body is sent. So does everything where
aiohttp's inside does not look as it should.
"""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import TimerNoop
from multidict import CIMultiDict
from yarl import URL

LONGEST = 64 * 1024  # bytes of a body; a transport takes as much before it asks to wait
_MOST_KNOWN = 256  # addresses; a model's name may be part of one
_SPECIAL = ("Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "Expect")
_TAKES = ("writer", "continue100", "timer", "request_info", "traces", "session", "stream_writer")
_FITS = set(_TAKES) <= set(inspect.signature(aiohttp.ClientResponse.__init__).parameters)


class _Written:
    """In place of what writes a request: it is written."""

    output_size = 0


class Posts:
    """The posts of one session."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._known: dict[str, aiohttp.ClientRequest] = {}  # never sent: what leads to connections
        # By address and headers, which most calls of a provider share: what stands before the
        # length of the body.
        self._heads: dict[tuple[object, ...], bytes] = {}

    def request(self, url: str, headers: CIMultiDict[str], body: bytes) -> bytes | None:
        """What is to be sent, head and body; None if it may not go this way.

        Raises:
            ValueError: there is no such address; a header can't be sent.
        """
        if not _FITS or len(body) > LONGEST or self._session.closed:
            return None
        if url not in self._known and not self._learn(url):
            return None
        own = (url, *headers.items())
        head = self._heads.get(own)
        if head is None:
            if any(map(headers.__contains__, _SPECIAL)):
                return None
            if len(self._heads) >= _MOST_KNOWN:
                self._heads.clear()
            head = self._heads[own] = _head(self._known[url], headers)
        return b"%b%d\r\n\r\n%b" % (head, len(body), body)

    def _learn(self, url: str) -> bool:
        address = URL(url)
        if address.scheme not in ("http", "https") or not address.raw_host or address.raw_user:
            return False
        if address.raw_password:
            return False
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        loop = asyncio.get_running_loop()
        self._known[url] = aiohttp.ClientRequest("POST", address, loop=loop, session=self._session)
        return True

    async def send(
        self,
        url: str,
        data: bytes,
        timeout: aiohttp.ClientTimeout,
        sent: Callable[[ResponseHandler], None],
    ) -> aiohttp.ClientResponse:
        """Send a post to this address, of which ``request`` has made ``data``, call ``sent`` and
        wait for the answer's head.

        Raises:
            aiohttp.ClientError, HttpProcessingError, OSError: there is none.
        """
        request, connector = self._known[url], self._session.connector
        assert connector is not None
        try:
            connection = await connector.connect(request, [], timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError() from error
        try:
            protocol = connection.protocol
            assert protocol is not None
            if protocol.transport is None or protocol.transport.is_closing():
                raise aiohttp.ClientConnectionResetError()
            protocol.transport.write(data)
            # Behind the write, and in its turn of the loop: nothing can have been answered yet.
            sent(protocol)
            protocol.set_response_params(read_until_eof=True, auto_decompress=False)
            response = self._response(request)
            try:
                return await response.start(connection)
            except BaseException:
                response.close()
                raise
        except BaseException:
            connection.close()
            raise

    def _response(self, request: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
        return aiohttp.ClientResponse(
            "POST",
            request.url,
            writer=None,
            continue100=None,
            timer=TimerNoop(),
            request_info=request.request_info,
            traces=[],
            loop=request.loop,
            session=self._session,
            stream_writer=cast(Any, _Written),
        )


def _head(request: aiohttp.ClientRequest, headers: CIMultiDict[str]) -> bytes:
    """The request's head, up to the length of its body.

    Raises:
        ValueError: a header holds the end of a line.
    """
    check_head(headers)
    lines = [f"POST {request.url.raw_path_qs} HTTP/1.1"]
    if "Host" not in headers:
        lines.append(f"Host: {request.headers['Host']}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append("Content-Length: ")
    return "\r\n".join(lines).encode()


def check_head(headers: CIMultiDict[str]) -> None:
    """Return if these headers can be sent.

    Raises:
        ValueError: one holds the end of a line.
    """
    for pair in headers.items():
        for text in pair:
            if "\n" in text or "\r" in text or "\0" in text:
                raise ValueError("A header holds the end of a line.")

"""The transports for ``httpx2``: beneath ``OpenAI``, ``Anthropic``, or a client of your own.

from openai import DefaultHttpxClient, OpenAI
from streamhold_client.httpx2 import ResumingTransport

client = OpenAI(http_client=DefaultHttpxClient(transport=ResumingTransport()))
"""

import ssl
from collections.abc import AsyncIterator, Iterator

import anyio
import httpx2

from streamhold_client import async_reading, reading
from streamhold_client.faults import Faults
from streamhold_client.outage import PATIENCE
from streamhold_client.patient import SILENCE, Carried, Patient

_UNMAPPED = (ssl.SSLError, anyio.EndOfStream)  # these come through as they are
FAULTS = Faults(
    lost=(httpx2.NetworkError, httpx2.RemoteProtocolError, *_UNMAPPED),
    unsent=(httpx2.ConnectError,),
    silent=(httpx2.ReadTimeout,),
    failed=(
        httpx2.NetworkError,
        httpx2.RemoteProtocolError,
        httpx2.TimeoutException,
        httpx2.ProxyError,
        *_UNMAPPED,
    ),
    cut=httpx2.RemoteProtocolError,
)
# As the SDKs have them: a stream holds its connection as long as it lasts.
_LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)


class ResumingTransport(httpx2.BaseTransport):
    """Carries calls to Streamhold over lost connections; everything else passes through.

    Args:
        inner: what makes the connections; your own for proxies, certificates or limits.
        patience: seconds without a server that one call bears in all.
        silence: seconds without a byte after which a stream's connection counts as lost.
    """

    def __init__(
        self,
        inner: httpx2.BaseTransport | None = None,
        *,
        patience: float = PATIENCE,
        silence: float = SILENCE,
    ) -> None:
        self._inner = inner or httpx2.HTTPTransport(limits=_LIMITS)
        self._patient = Patient(FAULTS, patience, silence)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        surface = self._patient.surface(request)
        if surface is None:
            return self._inner.handle_request(request)
        body = request.read()
        carried = self._patient.begin(request, surface, body)

        def send(after: int) -> httpx2.Response:
            again = _again(request, carried, body, after)
            response = self._inner.handle_request(again)
            return _response(response, response.stream)

        try:
            got = reading.carry(carried.call, send)
        except FAULTS.failed:
            self._patient.failed(carried)
            raise
        if isinstance(got, httpx2.Response):
            self._patient.answered(carried, got)
            return got
        if isinstance(got, reading.Whole):
            self._patient.answered(carried, got.answer)
            return _response(got.answer, httpx2.ByteStream(got.body))
        self._patient.answered(carried, got.first)
        return _response(got.first, _Stream(got))

    def close(self) -> None:
        self._inner.close()


class AsyncResumingTransport(httpx2.AsyncBaseTransport):
    """The same for ``AsyncOpenAI``, ``AsyncAnthropic`` and ``httpx2.AsyncClient``."""

    def __init__(
        self,
        inner: httpx2.AsyncBaseTransport | None = None,
        *,
        patience: float = PATIENCE,
        silence: float = SILENCE,
    ) -> None:
        self._inner = inner or httpx2.AsyncHTTPTransport(limits=_LIMITS)
        self._patient = Patient(FAULTS, patience, silence)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        surface = self._patient.surface(request)
        if surface is None:
            return await self._inner.handle_async_request(request)
        body = await request.aread()
        carried = self._patient.begin(request, surface, body)

        async def send(after: int) -> httpx2.Response:
            again = _again(request, carried, body, after)
            response = await self._inner.handle_async_request(again)
            return _response(response, response.stream)

        try:
            got = await async_reading.carry(carried.call, send)
        except FAULTS.failed:
            self._patient.failed(carried)
            raise
        if isinstance(got, httpx2.Response):
            self._patient.answered(carried, got)
            return got
        if isinstance(got, reading.Whole):
            self._patient.answered(carried, got.answer)
            return _response(got.answer, httpx2.ByteStream(got.body))
        self._patient.answered(carried, got.first)
        return _response(got.first, _AsyncStream(got))

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Stream(httpx2.SyncByteStream):
    def __init__(self, blocks: reading.Reading[httpx2.Response]) -> None:
        self._blocks = blocks

    def __iter__(self) -> Iterator[bytes]:
        return (b"".join(block.raw for block in blocks) for blocks in self._blocks)

    def close(self) -> None:
        self._blocks.close()


class _AsyncStream(httpx2.AsyncByteStream):
    def __init__(self, blocks: async_reading.AsyncReading[httpx2.Response]) -> None:
        self._blocks = blocks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return b"".join(block.raw for block in await anext(self._blocks))

    async def aclose(self) -> None:
        await self._blocks.aclose()


def _again(request: httpx2.Request, carried: Carried, body: bytes, after: int) -> httpx2.Request:
    """The same request, as it goes out this time."""
    return httpx2.Request(
        request.method,
        request.url,
        headers=carried.headers(after),
        content=body,
        extensions=dict(carried.extensions()),
    )


def _response(
    head: httpx2.Response, stream: httpx2.SyncByteStream | httpx2.AsyncByteStream
) -> httpx2.Response:
    """With a body that nobody has looked into yet."""
    return httpx2.Response(
        head.status_code, headers=head.headers, stream=stream, extensions=head.extensions
    )

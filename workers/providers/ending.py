"""How an exchange lets go of a connection whose body has not ended: later, or at once.

Abort, not close: a TLS transport that is closed waits for the peer's goodbye, and a plain
one for its write buffer.
"""

import asyncio

import aiohttp

LINGER = 1.0  # seconds


class Linger:
    """Holds a response whose answer is complete until its body ends too, or LINGER is over.

    A connection lost meanwhile, by the closing of the session too, ends it at once.
    """

    __slots__ = ("_closed", "_response", "_timer")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        response: aiohttp.ClientResponse,
        closed: asyncio.Future[None],
    ) -> None:
        self._response = response
        self._closed = closed
        self._timer = loop.call_later(LINGER, self._give_up)
        closed.add_done_callback(self._give_up)
        response.content.on_eof(self._end)  # aiohttp has returned the connection by then

    def _give_up(self, _closed: asyncio.Future[None] | None = None) -> None:
        self._end()
        abort(self._response)

    def _end(self) -> None:
        self._timer.cancel()
        self._closed.remove_done_callback(self._give_up)


def abort(response: aiohttp.ClientResponse) -> None:
    """Cut a response's connection off."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


def retrieve(closed: asyncio.Future[None]) -> None:
    """Take the exception of a lost connection, or asyncio reports it as overlooked."""
    if not closed.cancelled():
        closed.exception()

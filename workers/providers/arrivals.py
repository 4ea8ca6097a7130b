"""A connection that says when something has arrived, in the very turn of the loop.

aiohttp tells of what arrives by waking a task, which costs more than to read a token. Its
protocol is asked instead: after each read of the socket, with everything parsed that came in it.
"""

import asyncio
from collections.abc import Callable
from functools import partial

import aiohttp
from aiohttp.client_proto import ResponseHandler


class Arrivals(ResponseHandler):
    """One connection; ``arrived`` belongs to the exchange that has it, and is called often."""

    arrived: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if data and self.arrived is not None:  # without any, the reader itself has called
            self.arrived()


class Connector(aiohttp.TCPConnector):
    """Makes such connections; without a limit, for the worker's concurrency is one."""

    def __init__(self) -> None:
        super().__init__(limit=0, keepalive_timeout=60, ttl_dns_cache=300)
        handler: type[ResponseHandler] = Arrivals
        self._factory = partial(handler, loop=asyncio.get_running_loop())

"""A TCP address that leads to another one, which can change while connections live."""

import asyncio
import threading
from contextlib import suppress

Address = tuple[str, int]

_CHUNK = 64 * 1024
_START = 10.0  # seconds


class Relay:
    """Its connections stay where they were made to; new ones go to the present ``target``.

    It runs in a thread with a loop of its own, so that a test's loop can't hold it up.
    """

    def __init__(self, target: Address) -> None:
        self.target = target
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._listening = threading.Event()
        self._pairs: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Returns once it listens on ``port``."""
        self._thread.start()
        assert self._listening.wait(_START)

    def close(self) -> None:
        """Cut everything."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_START)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        for pair in self._pairs:
            pair.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._pairs, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = self._loop.create_task(self._carry(reader, writer))
        self._pairs.add(pair)
        pair.add_done_callback(self._pairs.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        try:
            ways = [
                asyncio.ensure_future(_copy(reader, back)),
                asyncio.ensure_future(_copy(there, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            writer.transport.abort()
            back.transport.abort()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()

"""A provider that says what it is told to, byte by byte, over real sockets.

It runs in a thread of its own. Which answer a call gets stands in the call: ``case-N``,
anywhere in its body.
"""

import asyncio
import contextlib
import re
import threading
from collections.abc import Awaitable, Callable

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
_CASE = re.compile(rb"case-(\d+)")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)

Script = Callable[[int, bytes, asyncio.StreamWriter], Awaitable[None]]


class Provider:
    """Serves until closed. ``script`` is given the case, the request line and the socket."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.url = ""
        self.heads: list[bytes] = []  # of every request
        self._thread.start()
        assert self._ready.wait(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # However the other side ends the connection is its own affair.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            case = _CASE.search(body)
            await self._script(int(case[1]) if case else -1, head, writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            writer.close()
            await writer.wait_closed()

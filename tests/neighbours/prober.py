"""``python -m tests.neighbours.prober FOLDER``: asks every API process for ``/healthz``.

Each on a connection of its own that stays open, twenty times a second.
"""

import asyncio
import itertools
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from tests.neighbours import lag
from tests.neighbours.history import History, Probe, Probed, open_history
from tests.neighbours.orders import read_orders

EVERY = 0.05  # seconds
SLOW = 0.1  # seconds; quicker looks are only counted
_GIVEN_UP = 10.0  # seconds that a look may take
_ASKED = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
_SAID = 20  # looks between two lines on how many there were

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Prober:
    """Looks at one API process. A connection that ends is opened again at the next look."""

    def __init__(self, api: int, url: str, history: History) -> None:
        place = urlsplit(url)
        self._api = api
        self._host, self._port = place.hostname, place.port
        self._history = history
        self._connection: Connection | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            for looks in itertools.count(1):
                begun = time.monotonic()
                await self._note(begun)
                if looks % _SAID == 0:
                    self._history.add(Probed(api=self._api, looks=looks))
                await asyncio.sleep(max(0.0, begun + EVERY - time.monotonic()))
        finally:
            self._close()

    async def _note(self, begun: float) -> None:
        status = 0
        try:
            async with asyncio.timeout(_GIVEN_UP):
                status = await self._look()
        except (OSError, EOFError, TimeoutError):
            self._close()
        ended = time.monotonic()
        if status != 200 or ended - begun > SLOW:
            self._history.add(Probe(api=self._api, begun=begun, ended=ended, status=status))

    async def _look(self) -> int:
        if self._connection is None:
            self._connection = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._connection
        writer.write(_ASKED)
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        await reader.readexactly(int(fields[b"content-length"]))
        if fields.get(b"connection") == b"close":  # the server has answered enough on this one
            self._close()
        return int(head.split(b" ", 2)[1])

    def _close(self) -> None:
        if self._connection is not None:
            self._connection[1].transport.abort()
        self._connection = None


async def _main(folder: Path) -> None:
    history = open_history(folder, "prober")
    async with asyncio.TaskGroup() as group:
        group.create_task(lag.watch("prober", history))
        for api, url in enumerate(read_orders(folder).urls):
            group.create_task(Prober(api, url, history).run())


if __name__ == "__main__":
    uvloop.run(_main(Path(sys.argv[1])))

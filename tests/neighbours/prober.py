"""``python -m tests.neighbours.prober FOLDER``: asks every API process for ``/healthz``.

Each on a connection of its own that stays open, twenty times a second.
"""

import asyncio
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


async def probe(api: int, url: str, history: History) -> None:
    """Look for ever. A connection that ends is opened again within the next look's time."""
    place = urlsplit(url)
    connection: Connection | None = None
    looks = 0
    while True:
        begun = time.monotonic()
        status = 0
        try:
            async with asyncio.timeout(_GIVEN_UP):
                if connection is None:
                    connection = await asyncio.open_connection(place.hostname, place.port)
                status = await _look(*connection)
        except (OSError, EOFError, TimeoutError):
            if connection is not None:
                connection[1].transport.abort()
            connection = None
        ended = time.monotonic()
        looks += 1
        if status != 200 or ended - begun > SLOW:
            history.add(Probe(api=api, begun=begun, ended=ended, status=status))
        if looks % _SAID == 0:
            history.add(Probed(api=api, looks=looks))
        await asyncio.sleep(max(0.0, begun + EVERY - time.monotonic()))


async def _look(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    writer.write(_ASKED)
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    await reader.readexactly(int(fields[b"content-length"]))
    return int(head.split(b" ", 2)[1])


async def _main(folder: Path) -> None:
    history = open_history(folder, "prober")
    async with asyncio.TaskGroup() as group:
        group.create_task(lag.watch("prober", history))
        for api, url in enumerate(read_orders(folder).urls):
            group.create_task(probe(api, url, history))


if __name__ == "__main__":
    uvloop.run(_main(Path(sys.argv[1])))

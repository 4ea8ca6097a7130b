"""``python -m tests.neighbours.innocent FOLDER``: the innocent account, a process of its own.

Fifty streams are open at any time, and some calls of other kinds beside them. Who has ended
begins the next, until the run's calls end; then what was begun is read to its end.
"""

import asyncio
import itertools
import sys
import time
from pathlib import Path

import aiohttp
import uvloop

from tests.neighbours import lag
from tests.neighbours.calls import OTHERS, STREAMS, Making, draw
from tests.neighbours.course import INNOCENT
from tests.neighbours.history import History, open_history
from tests.neighbours.orders import Orders, read_orders

STREAMS_AT_ONCE = 50
OTHERS_AT_ONCE = 9
_SPREAD = 3.0  # seconds over which the first calls are begun


async def call_all(orders: Orders, history: History) -> None:
    """Call until the calls end, and to the end of what was begun."""
    headers = {"Authorization": f"Bearer {INNOCENT}"}
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    patience = aiohttp.ClientTimeout(total=None)
    watching = asyncio.ensure_future(lag.watch("innocent", history))
    async with aiohttp.ClientSession(
        connector=connector, headers=headers, timeout=patience
    ) as session:
        async with asyncio.TaskGroup() as group:
            for place in range(STREAMS_AT_ONCE + OTHERS_AT_ONCE):
                group.create_task(_keep_calling(place, orders, session, history))
        watching.cancel()


async def _keep_calling(
    place: int, orders: Orders, session: aiohttp.ClientSession, history: History
) -> None:
    await asyncio.sleep(_SPREAD * place / (STREAMS_AT_ONCE + OTHERS_AT_ONCE))
    ways = STREAMS if place < STREAMS_AT_ONCE else OTHERS
    for turn in itertools.count():
        if time.monotonic() >= orders.calls_end:
            return
        drawn = draw(orders.seed, place, turn, ways, orders.longest)
        history.add(await Making(session, orders.urls, drawn).make())


async def _main(folder: Path) -> None:
    orders = read_orders(folder)
    await call_all(orders, open_history(folder, "innocent"))


if __name__ == "__main__":
    uvloop.run(_main(Path(sys.argv[1])))

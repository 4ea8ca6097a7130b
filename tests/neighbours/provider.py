"""``python -m tests.neighbours.provider FOLDER``: the innocent's provider.

The simulated one, in a process that measures its own stalls: a token that its provider sent
late was not late in the broker.
"""

import asyncio
import sys
from pathlib import Path

import uvloop

from sim.server import start
from tests.neighbours import lag
from tests.neighbours.history import open_history

NAME = "provider"


async def _main(folder: Path) -> None:
    server = await start()
    print(f"provider listening on {server.base_url}", flush=True)
    try:
        await lag.watch(NAME, open_history(folder, NAME))
    finally:
        await server.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(Path(sys.argv[1])))

"""What every process of a run is given: a file in the run's folder."""

import asyncio
import time
from pathlib import Path

import msgspec


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """Times are of ``time.monotonic``. Only the attacker needs the plan's own numbers."""

    seed: int
    minutes: float
    only: list[str]
    urls: list[str]  # of the API processes
    attacks_from: float
    calls_end: float  # no new innocent calls
    longest: float  # seconds of an innocent stream

    def write(self, folder: Path) -> None:
        (folder / "orders.json").write_bytes(msgspec.json.encode(self))


def read_orders(folder: Path) -> Orders:
    return msgspec.json.decode((folder / "orders.json").read_bytes(), type=Orders)


async def sleep_until(moment: float) -> None:
    """Sleep until a moment of ``time.monotonic``."""
    await asyncio.sleep(max(0.0, moment - time.monotonic()))

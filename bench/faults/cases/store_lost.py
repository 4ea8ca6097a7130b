"""The store's host crashes: away for 1, 5 or 30 s, and back without its log's last bytes.

Twenty streams each time, native and chat, and half of their readers leave with the store and come
back with their cursors after it. Within what workers keep every stream must be healed: whole, one
provider call, no number for two frames. Then what was lost is more than workers keep: every reader
must learn so by its terminal, every waiting caller by a 502, and nobody by a 204.

Twice the cut reaches back beyond the claims and the creations: workers make those again.
"""

import asyncio
from contextlib import suppress

from bench.faults.case import Found, Sheet, Start
from bench.figures import Figure
from rig.cluster import Cluster
from rig.evidence import check_whole
from rig.lost_tail import (
    ask_whole,
    crash,
    crash_for,
    final_statuses,
    grown,
    leave,
    replays,
    says_so,
    under_way,
    used_twice,
)

STREAMS = 20
AWAY = (1.0, 5.0, 30.0)  # seconds
LOST = (2_000, 20_000, 200_000)  # bytes
EVERYTHING = 1 << 40
TOKENS = 300
SIM_MODEL = f"sim/tokens={TOKENS},interval=25ms,obfuscation=1"
LONG_MODEL = "sim/tokens=4000,interval=25ms"
FORGETFUL = "[worker]\nkeep_acknowledged = 0\n"
_END = 90.0  # seconds


async def measure(start: Start) -> Found:
    """Every absence with every loss, then the losses that can't be healed."""
    figures: list[Figure] = []
    cluster = await start(apis=2, workers=2)
    for away in AWAY:
        for lost in LOST:
            sheet = Sheet("store_lost", f"{away:g}s_{lost // 1000}kb")
            figures += await _healed(cluster, sheet, away, lost, fresh=False)
    figures += await _healed(cluster, Sheet("store_lost", "claims"), 1.0, 20_000, fresh=True)
    cluster = await start(apis=2, workers=2)
    figures += await _healed(cluster, Sheet("store_lost", "all"), 1.0, EVERYTHING, fresh=True)
    forgetful = await start(apis=2, workers=2, config=FORGETFUL)
    figures += await _truthful(forgetful, Sheet("store_lost", "beyond"))
    return Found(figures)


async def _healed(
    cluster: Cluster, sheet: Sheet, away: float, lost: int, *, fresh: bool
) -> list[Figure]:
    calls = (await cluster.sim_counts())["total"]
    readers = await under_way(cluster, sheet.variant, SIM_MODEL, STREAMS)
    if not fresh:
        await grown(cluster, lost)
    back = asyncio.ensure_future(crash_for(cluster, lost, away))
    leavers = readers[::2]
    await leave(leavers)
    await back
    for reader in leavers:
        reader.start()
    await asyncio.gather(*(reader.finish(_END) for reader in readers))
    others = await replays(cluster, readers)
    pairs = zip(readers, others, strict=True)
    same = sum(reader.transcript == other.sent for reader, other in pairs)
    whole = 0
    for reader in readers:
        with suppress(AssertionError):
            await check_whole(cluster, reader.request_id, TOKENS)
            whole += 1
    total = (await cluster.sim_counts())["total"] - calls
    return [
        sheet.none("not_healed", STREAMS - whole, f"of {STREAMS}"),
        sheet.none("not_byte_identical", STREAMS - same),
        sheet.none("refused", sum(len(final_statuses(reader)) for reader in readers)),
        sheet.none("numbers_used_twice", len(used_twice(readers, others))),
        sheet.none("extra_provider_calls", total - STREAMS),
    ]


async def _truthful(cluster: Cluster, sheet: Sheet) -> list[Figure]:
    waiting = [
        asyncio.ensure_future(ask_whole(cluster, f"waits-{number}", LONG_MODEL, number))
        for number in range(4)
    ]
    readers = await under_way(cluster, "beyond", LONG_MODEL, STREAMS)
    await cluster.until_active(STREAMS + len(waiting))
    await grown(cluster, 20_000)
    crash(cluster, 20_000)
    leavers = readers[::2]
    await leave(leavers)
    await asyncio.to_thread(cluster.server.start)
    await cluster.until_ended([reader.request_id for reader in readers])
    for reader in leavers:
        reader.start()
    await asyncio.gather(*(reader.finish(_END) for reader in readers))
    answers = await asyncio.gather(*waiting)
    others = await replays(cluster, readers)
    return [
        sheet.none("untruthful_ends", sum(not says_so(reader) for reader in readers)),
        sheet.none("refused", sum(len(final_statuses(reader)) for reader in readers)),
        sheet.none("numbers_used_twice", len(used_twice(readers, others))),
        sheet.none("untruthful_answers", sum(status != 502 for status, _ in answers)),
    ]

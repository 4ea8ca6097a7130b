"""Calls without a key that come again: one inference a turn, and none for two that are apart."""

from bench.faults.case import Found, Sheet, Start
from rig.retry_storm import independent_pairs, retry_storm

_CLIENTS = 500
_PAIRS = 10_000
_LONG = "sim/tokens=60,interval=500ms"
_SHORT = "sim/tokens=3,interval=5ms"


async def measure(start: Start) -> Found:
    """500 clients that are lost and come back at once; 10,000 pairs of equal calls."""
    sheet = Sheet("join")
    cluster = await start(apis=2, workers=2, config=f"[worker]\nconcurrency = {_CLIENTS}\n")
    storm = await retry_storm(cluster, _CLIENTS, _LONG)
    pairs = await independent_pairs(await start(apis=2, workers=2), _PAIRS, _SHORT)
    return Found(
        [
            sheet.none("calls_beyond_turns", storm.calls - storm.clients, f"{_CLIENTS} turns"),
            sheet.none("ended_too_early", _CLIENTS - storm.lost, "clients that were not lost"),
            sheet.none("turns_broken", storm.broken),
            sheet.none("turns_not_joined", storm.apart),
            sheet.figure("slowest_answer", "s", storm.slowest, note="until its head"),
            sheet.none("pairs_joined", pairs.joined, f"{_PAIRS} pairs of independent equal calls"),
            sheet.none("pairs_broken", pairs.broken, pairs.why),
            sheet.none("calls_beside_two_a_pair", pairs.calls - 2 * pairs.pairs),
        ]
    )

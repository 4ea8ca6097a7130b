"""Many clients without keys: all lost at once and back at once; and pairs that are independent."""

import asyncio
import signal
from collections import Counter
from typing import NamedTuple

from rig.answers import uncut
from rig.cluster import Cluster, ask
from rig.keyless import Call

_AT_ONCE = 100  # pairs
_WAIT = 120.0  # seconds


class Storm(NamedTuple):
    """What became of ``clients``, of which ``lost`` were lost and came again.

    ``calls`` the provider saw; ``broken`` did not get their whole answer; ``apart`` came to other
    jobs than those that were lost, or several to one; ``slowest`` seconds until an answer began.
    """

    clients: int
    lost: int
    calls: int
    broken: int
    apart: int
    slowest: float


async def retry_storm(cluster: Cluster, clients: int, model: str) -> Storm:
    """Calls by both API processes in turn; the first is killed, those of the second leave.

    All come again at once. Of ten clients two ask the same.
    """
    prompts = [f"turn-{number - (number % 10 == 9)}" for number in range(clients)]
    before = int((await cluster.sim_counts())["total"])

    def call(number: int, api: int) -> Call:
        body = ask(model, prompts[number], stream=True)
        return Call(cluster.session, cluster.urls[api], body)

    calls = [call(number, number % 2) for number in range(clients)]
    await asyncio.gather(*(each.under_way(2) for each in calls))
    cluster.signal_api(0, signal.SIGKILL)
    await asyncio.gather(*(each.leave() for each in calls[1::2]))
    await asyncio.gather(*(each.finish() for each in calls[::2]))
    lost = [number for number, each in enumerate(calls) if not each.ended]
    again = {number: call(number, 1) for number in lost}
    await asyncio.gather(*(each.finish(_WAIT) for each in again.values()))

    last = [again.get(number, each) for number, each in enumerate(calls)]
    whole = {prompt: uncut(model.removeprefix("sim/"), prompt)["content"] for prompt in prompts}
    right = [each.ended and each.text == whole[p] for each, p in zip(last, prompts, strict=True)]
    apart = Counter(calls[number].request_id for number in lost)
    apart -= Counter(each.request_id for each in again.values())
    return Storm(
        clients=clients,
        lost=len(lost),
        calls=int((await cluster.sim_counts())["total"]) - before,
        broken=right.count(False),
        apart=apart.total(),
        slowest=max((each.answered_after for each in again.values()), default=0.0),
    )


class Pairs(NamedTuple):
    """Of so many ``pairs``: ``joined`` came to one job though both saw their end, of ``broken`` one
    did not (``why``: the most frequent reason); the provider's calls.
    """

    pairs: int
    joined: int
    broken: int
    calls: int
    why: str = ""


async def independent_pairs(cluster: Cluster, pairs: int, model: str) -> Pairs:
    """Pairs of equal calls, streamed and waited for, by one API process or by both.

    A third are made side by side, a third one right after the other, and a third while the first
    is about to end.
    """
    turns = asyncio.Semaphore(_AT_ONCE)
    before = int((await cluster.sim_counts())["total"])
    joined, why = 0, Counter[str]()

    async def pair(number: int) -> None:
        nonlocal joined
        body = ask(model, f"pair-{number}", stream=number % 5 < 3)

        def call(place: int) -> Call:
            return Call(cluster.session, cluster.urls[place % len(cluster.urls)], body)

        async with turns:
            first = call(number)
            if number % 3 == 1:
                await first.finish(_WAIT)
            elif number % 3 == 2:
                await asyncio.sleep(0.001 * (number % 97))
            second = call(number // 2)
            await asyncio.gather(first.finish(_WAIT), second.finish(_WAIT))
        lost = [each for each in (first, second) if not each.ended]
        if lost:
            why[f"{lost[0].status} {lost[0].error!r}"[:80]] += 1
        else:
            joined += first.request_id == second.request_id

    await asyncio.gather(*(pair(number) for number in range(pairs)))
    calls = int((await cluster.sim_counts())["total"]) - before
    reason = why.most_common(1)[0][0] if why else ""
    return Pairs(pairs, joined, why.total(), calls, reason)

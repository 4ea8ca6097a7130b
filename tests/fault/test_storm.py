"""One call posted fifty times at the same instant, by two API processes: one job for all."""

import asyncio

from rig.cluster import WAIT, ask
from rig.evidence import check_whole
from rig.sse_reader import SseReader, always
from tests.fault.conftest import Make

POSTS = 50
TOKENS = 20
MODEL = f"sim/tokens={TOKENS},interval=5ms"


async def test_posts_of_one_id_at_once_are_one_call(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=2, workers=2)
    for name in ("first", "second", "third"):
        call = ask(MODEL, name)
        readers = [
            SseReader(cluster.session, name, always(cluster.urls[number % 2]), call).start()
            for number in range(POSTS)
        ]
        await asyncio.gather(*(reader.finish(WAIT) for reader in readers))
        assert len({reader.transcript for reader in readers}) == 1
        assert all(reader.connections == 1 for reader in readers)
        await check_whole(cluster, name, TOKENS)
    assert (await cluster.sim_counts())["total"] == 3


async def test_other_requests_under_the_same_id_are_refused_all_along(make_cluster: Make) -> None:
    """Whichever comes first has the id; the others are told so, by either process."""
    cluster = await make_cluster(apis=2, workers=1)

    async def post(number: int) -> tuple[int, int]:
        which = number % 5
        body = {"request_id": "one", "request": ask(MODEL, f"prompt-{which}")}
        url = f"{cluster.urls[number % 2]}/v1/jobs"
        async with cluster.session.post(url, json=body) as response:
            return which, response.status

    answers = await asyncio.gather(*map(post, range(POSTS)))
    (winner,) = {which for which, status in answers if status == 202}
    assert {status for which, status in answers if which != winner} == {422}
    mine = sorted(status for which, status in answers if which == winner)
    assert mine == [200] * (len(mine) - 1) + [202]
    await cluster.until_ended(["one"])
    assert (await cluster.sim_counts())["by_prompt"] == {f"prompt-{winner}": 1}

"""Tasks are cancelled until they have ended, whatever they take a cancellation for."""

import asyncio

from broker.ending import end


class Stubborn:
    """Runs for ever, and takes its first cancellations for something else."""

    def __init__(self, swallowed: int) -> None:
        self.left = swallowed

    async def run(self) -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if not self.left:
                    raise
                self.left -= 1


async def _failing() -> None:
    raise ValueError


async def test_each_is_cancelled_until_it_has_ended() -> None:
    tasks = [asyncio.create_task(Stubborn(swallowed).run()) for swallowed in (0, 1, 3)]
    tasks.append(asyncio.create_task(_failing()))
    await asyncio.sleep(0)
    await asyncio.wait_for(end(tasks, patience=0.01), 5)
    assert [task.cancelled() for task in tasks] == [True, True, True, False]
    assert isinstance(tasks[3].exception(), ValueError)


async def test_nothing_is_waited_for_where_there_is_nothing() -> None:
    await asyncio.wait_for(end([]), 1)

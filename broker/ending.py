"""Ending tasks that run until they are cancelled.

A task that is cancelled while something else ends what it waits for (a timeout, a connection that
is lost) may take the one for the other, in a library as well as here, and go on. Whoever waited for
its end would wait for ever: so it is cancelled again until it has ended.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from broker import log

PATIENCE = 1.0  # seconds until a task is cancelled again


async def end(tasks: Iterable["asyncio.Task[Any]"], patience: float = PATIENCE) -> None:
    """Return once all of them have ended; what they raise is left to who looks at them."""
    going = {task for task in tasks if not task.done()}
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=patience)
        for task in going:
            log.warning("task.goes_on", task=task.get_name(), place=_place(task))


def _place(task: "asyncio.Task[Any]") -> str:
    """Where it is: the innermost of its own frames."""
    frames = task.get_stack(limit=8)
    places = [f"{each.f_code.co_filename.rpartition('/')[2]}:{each.f_lineno}" for each in frames]
    return " > ".join(places)

"""What is done with one job: who asks for it and how, who reads it, who ends it.

A function of the seed and the job's number, so that a seed replays the same callers.
"""

import random
from typing import NamedTuple

from tests.soak.course import COURSES, Course

_DOORS = (("stream",), ("stream",), ("usage",), ("whole",), ("jobs",), ("jobs",))
_MEETINGS = (
    ("stream", "stream"),
    ("jobs", "jobs"),
    ("stream", "whole", "jobs"),
    ("usage", "stream", "whole"),
    ("jobs", "stream", "jobs", "whole"),
)


class Late(NamedTuple):
    """A reader that joins ``after`` seconds, and leaves after each so many events in turn."""

    view: str
    after: float
    leaves: tuple[int, ...]


class Scenario(NamedTuple):
    """``doors`` are knocked at in the same moment, all with the same request id.

    ``cancel`` and ``delete`` are seconds after the job was accepted; None is never.
    """

    job: str
    course: Course
    doors: tuple[str, ...]
    leaves: tuple[int, ...]  # as those of ``Late``, of the streams among the doors
    late: tuple[Late, ...]
    waits: bool  # long-polls the result
    cancel: float | None
    delete: float | None
    first_api: int


def make_scenario(seed: int, number: int) -> Scenario:
    """The scenario of a run's job number so-and-so."""
    rng = random.Random(f"job-{seed}-{number}")
    course = rng.choices(COURSES, [course.weight for course in COURSES])[0]
    late = tuple(
        Late(rng.choice(("native", "native", "chat")), round(rng.uniform(0, 4), 2), _leaves(rng))
        for _ in range(rng.choice((0, 0, 1, 1, 2, 4)))
    )
    return Scenario(
        job=f"soak-{seed}-{number}-{course.name}",
        course=course,
        doors=rng.choice(_MEETINGS if rng.random() < 0.25 else _DOORS),
        leaves=_leaves(rng),
        late=late,
        waits=rng.random() < 0.3,
        cancel=round(rng.uniform(0, 2.5), 2) if rng.random() < 0.1 else None,
        delete=round(rng.uniform(0, 5), 2) if rng.random() < 0.05 else None,
        first_api=rng.randrange(100),
    )


def _leaves(rng: random.Random) -> tuple[int, ...]:
    return tuple(rng.randrange(40) for _ in range(rng.choice((0, 0, 1, 3))))

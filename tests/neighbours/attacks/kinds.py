"""All kinds of attack by name, each with how much of it there may be at once."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.neighbours.attacks import (
    answers,
    bodies,
    connections,
    floods,
    readers,
    values,
)
from tests.neighbours.attacks.strike import Strike


class Kind(NamedTuple):
    """``strikes`` are an endless row; ``at_once`` of them run, one begins each ``every`` seconds.

    The bounds hold for one assault. A strike is bounded by its own ``seconds``.
    """

    strikes: Callable[[random.Random], Iterator[Strike]]
    at_once: int
    every: float


def _body(fill: bodies.Fill) -> Kind:
    return Kind(bodies.strikes(fill), 3, 0.3)


KINDS: dict[str, Kind] = {
    **{f"body-{shape}": _body(fill) for shape, fill in bodies.SHAPES.items()},
    "body-unfinished": Kind(bodies.unfinished, 20, 0.1),
    "body-packed": Kind(bodies.packed, 3, 0.3),
    "answer-stream": Kind(answers.streams, 4, 0.5),
    "answer-whole": Kind(answers.wholes, 4, 0.5),
    "answer-chunks": Kind(answers.large_chunks, 3, 0.5),
    "answer-tools": Kind(answers.tool_calls, 3, 0.5),
    "answer-cancelled": Kind(answers.cancelled, 5, 0.3),
    "answer-results": Kind(answers.results, 3, 0.5),
    "answer-continued": Kind(answers.continued, 2, 0.5),
    "reader-stalls": Kind(readers.stalls, 101, 0.02),
    "reader-wholes": Kind(readers.whole_answers, 60, 0.1),
    "reader-listings": Kind(readers.listings, 50, 0.05),
    "reader-comes-again": Kind(readers.again_and_again, 20, 0.01),
    "connection-states": Kind(connections.states, 150, 0.02),
    "connection-crowd": Kind(connections.crowds, 500, 0.005),
    "connection-pipeline": Kind(connections.pipelines, 4, 0.2),
    "name-long": Kind(values.long_names, 3, 0.2),
    "name-odd": Kind(values.odd_names, 10, 0.02),
    "name-new": Kind(values.many_names, 20, 0.01),
    "number": Kind(values.numbers, 10, 0.02),
    "header": Kind(values.headers, 10, 0.02),
    "options": Kind(values.odd_jobs, 10, 0.05),
    "flood-counts": Kind(floods.count_tokens, 150, 0.02),
    "flood-metadata": Kind(floods.metadata, 4, 0.2),
    "flood-queue": Kind(floods.queue, 30, 0.01),
    "flood-slots": Kind(floods.slots, 30, 0.01),
    "flood-listings": Kind(floods.listings, 8, 0.02),
    "flood-tickets": Kind(floods.tickets, 10, 0.01),
    "flood-pages": Kind(floods.pages, 10, 0.01),
    "flood-changes": Kind(floods.changes, 20, 0.03),
    "breaker": Kind(floods.breakers, 20, 0.03),
}


def strikes_of(kind: str, seed: int, number: int) -> Iterator[Strike]:
    """The strikes of an assault, the same for the same seed and number."""
    return KINDS[kind].strikes(random.Random(f"strikes {seed} {number} {kind}"))


def named(words: Sequence[str]) -> tuple[str, ...]:
    """The kinds of these names, or of these families (``body``, ``answer``), in our order.

    Raises:
        KeyError: there is none of that name.
    """
    found: set[str] = set()
    for word in words:
        family = [kind for kind in KINDS if kind == word or kind.startswith(f"{word}-")]
        if not family:
            raise KeyError(word)
        found.update(family)
    return tuple(kind for kind in KINDS if kind in found)

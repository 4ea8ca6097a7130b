"""What OSS servers, relays and vendors plausibly send, for every caller: content in is content out.

``scripts/fuzz --plausible`` plays more of the same, with shapes put together as a seed has them.
"""

from random import Random
from typing import Any

import pytest

from tests.plausible.campaign import judged
from tests.plausible.case import CALLERS, CELLS, SHAPES, Case, Cell
from tests.plausible.chat_choices import split_choices
from tests.plausible.shape import FORMS

PAIRS = [(dialect, caller) for dialect in SHAPES for caller in CALLERS]
SEED = 7


def numbers(dialect: str, caller: str, rounds: range) -> list[int]:
    """The cases of a pair of dialects, in so many rounds over all shapes."""
    places = [
        at for at, cell in enumerate(CELLS) if (cell.dialect, cell.caller) == (dialect, caller)
    ]
    return [at + round * len(CELLS) for round in rounds for at in places]


async def faults(numbers: list[int]) -> list[tuple[str, list[str]]]:
    cases = [Case(number, SEED) for number in numbers]
    return [(str(case), found) for case in cases if (found := (await judged(case))[0])]


@pytest.mark.parametrize(("dialect", "caller"), PAIRS)
async def test_each_shape_is_told_in_full(dialect: str, caller: str) -> None:
    assert await faults(numbers(dialect, caller, range(1))) == []


@pytest.mark.parametrize(("dialect", "caller"), PAIRS)
async def test_shapes_put_together_are_told_in_full(dialect: str, caller: str) -> None:
    assert await faults(numbers(dialect, caller, range(1, 2))) == []


def test_every_shape_is_played_in_every_pair() -> None:
    cells = [(cell.dialect, cell.shape.name, cell.form, cell.caller) for cell in CELLS]
    assert len(set(cells)) == len(cells)
    for shapes in SHAPES.values():
        names = [shape.name for shape in shapes]
        assert len(set(names)) == len(names)
        for shape in shapes:
            assert shape.forms
            assert set(shape.forms) <= set(FORMS)


def test_a_case_is_the_same_each_time() -> None:
    numbers = range(0, 2 * len(CELLS), 3)
    bodies = [[Case(number, seed).body for number in numbers] for seed in (SEED, SEED, SEED + 1)]
    assert bodies[0] == bodies[1]
    alike = sum(one == other for one, other in zip(bodies[0], bodies[2], strict=True))
    assert alike < 10  # an error object in place of an answer is always the same


# ── The judge sees what it is there for ────────────────────────────────────────────────


def _plain(dialect: str, caller: str, *needs: str) -> Case:
    """A case that is told as its vendor would, of an answer that has what is needed."""
    number = next(
        at
        for at, cell in enumerate(CELLS)
        if (cell.dialect, cell.caller, cell.form) == (dialect, caller, "stream")
        and cell.shape.about == "comments"
    )
    for seed in range(1000):
        case = Case(number, seed)
        if {piece.kind for piece in case.owed.answer.pieces} >= set(needs):
            return case
    raise AssertionError("no such answer is drawn")


@pytest.mark.parametrize(("dialect", "caller"), PAIRS)
@pytest.mark.parametrize("kind", ["text", "thought", "call"])
async def test_a_piece_that_is_missing_is_noticed(dialect: str, caller: str, kind: Any) -> None:
    case = _plain(dialect, caller, kind)
    assert (await judged(case))[0] == []
    pieces = case.owed.answer.pieces
    place = next(at for at, piece in enumerate(pieces) if piece.kind == kind)
    if kind == "call":
        pieces.insert(place, pieces[place])
    else:
        pieces[place] = pieces[place]._replace(text=pieces[place].text + "x")
    assert (await judged(case))[0] != []


@pytest.mark.parametrize(("dialect", "caller"), [pair for pair in PAIRS if pair[0] != pair[1]])
async def test_wrong_ends_and_figures_are_noticed(dialect: str, caller: str) -> None:
    case = _plain(dialect, caller)
    case.owed.reasons = frozenset(("filter",))
    counts = case.owed.counts
    assert counts is not None
    case.owed.counts = counts._replace(completion=counts.completion + 1)
    found = "; ".join((await judged(case))[0])
    assert "the end is" in found
    assert "usage differs: completion" in found


async def test_failures_and_successes_are_told_apart() -> None:
    case = _plain("chat", "messages")
    case.owed.ends = "failed"
    assert (await judged(case))[0] == ["completed, though it had failed"]
    case.owed.ends = "completed"
    case.body = case.body[: len(case.body) // 3]
    assert (await judged(case))[0] == ["failed: provider_cut None"]


def test_shapes_are_drawn_together_in_the_order_in_which_they_bend() -> None:
    known = SHAPES["chat"]
    places = [at for at, cell in enumerate(CELLS) if cell.dialect == "chat"]
    drawn = Random(1)
    several = 0
    for _ in range(300):
        case = Case(drawn.choice(places) + len(CELLS), drawn.randrange(100))
        order = [known.index(shape) for shape in case.shapes]
        assert order == sorted(order)
        assert len({shape.about for shape in case.shapes}) == len(case.shapes)
        several += len(case.shapes) > 1
    assert several > 100


def test_a_cell_names_its_shape() -> None:
    cell = next(cell for cell in CELLS if cell.shape.bend is split_choices)
    assert isinstance(cell, Cell)
    assert "choice 1" in str(Case(CELLS.index(cell), 1))

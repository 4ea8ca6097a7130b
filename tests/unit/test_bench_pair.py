"""Pairs: the ratio and its interval, what a bound wants, when there are pairs enough."""

from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.pair.answering import Recorded, answer
from bench.pair.bodies import CALLERS, SIZE, directions, write_bodies
from bench.pair.builds import BASELINE, BuildError, builds
from bench.pair.ratio import LEAST_PAIRS, Pair, Ratio, ratio_of
from bench.pair.run import judge, kept, render
from bench.pair.streams import TOKENS, write_streams
from broker.dialects.neutral.translation import translate_request
from workers.providers.translated import TranslatedProvider


def pairs(*ratios: float) -> list[Pair]:
    """Pairs of these ratios, at very different loads of the machine."""
    return [Pair(ratio * load, load) for load, ratio in enumerate(ratios, start=1)]


def test_the_ratio_is_the_median_of_the_pairs_ratios() -> None:
    # Of all values together this tree's median is 3 times the other's.
    ratio = ratio_of([Pair(10.0, 10.0), Pair(3.0, 3.0), Pair(3.0, 1.0)])
    assert ratio.median == 1.0


def test_equal_pairs_leave_no_doubt() -> None:
    assert ratio_of(pairs(*[1.25] * 10)) == Ratio(1.25, 1.25, 1.25, 10)


def test_the_same_pairs_say_the_same() -> None:
    random = Random(1)
    values = pairs(*(random.gauss(1, 0.1) for _ in range(12)))
    assert ratio_of(values) == ratio_of(values)


def test_the_interval_holds_the_true_ratio_95_times_of_100() -> None:
    random = Random(7)
    held = 0
    for _ in range(100):
        ratio = ratio_of(pairs(*(1.1 * random.lognormvariate(0, 0.05) for _ in range(15))))
        held += ratio.low <= 1.1 <= ratio.high
    assert held >= 90


def test_more_pairs_narrow_the_interval() -> None:
    random = Random(3)
    values = pairs(*(random.gauss(1, 0.05) for _ in range(200)))
    few, many = ratio_of(values[:10]), ratio_of(values)
    assert many.high - many.low < (few.high - few.low) / 2


def test_nothing_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="of nothing"):
        ratio_of([])


@pytest.mark.parametrize(
    ("ratio", "sure"),
    [
        (Ratio(1.0, 0.98, 1.02, 10), True),
        (Ratio(1.0, 0.98, 1.02, 9), False),
        (Ratio(1.0, 0.97, 1.0, 10), False),
        (Ratio(1.0, 1.0, 1.03, 10), False),
    ],
)
def test_when_a_ratio_is_sure(ratio: Ratio, sure: bool) -> None:
    assert ratio.sure is sure


@pytest.mark.parametrize(
    ("ratio", "holds"),
    [
        (Ratio(1.02, 1.01, 1.03, 10), True),
        (Ratio(1.05, 1.02, 1.08, 10), True),  # as far as noise may carry it
        (Ratio(1.051, 1.02, 1.08, 10), False),  # the interval is too wide to excuse that
        (Ratio(1.04, 1.021, 1.06, 10), False),  # surely dearer
        (Ratio(0.5, 0.4, 0.6, 9), None),
    ],
)
def test_when_a_bound_holds(ratio: Ratio, holds: bool | None) -> None:
    assert ratio.within(1.02) is holds


def test_verdicts() -> None:
    found = {"cpu": pairs(*[1.1] * LEAST_PAIRS), "translate": pairs(*[1.1] * LEAST_PAIRS)}
    bounds = {"cpu": 1.02, "translate": 1.3}
    verdicts = judge(found, bounds)
    assert [verdict.holds for verdict in verdicts] == [False, True]
    assert not kept(verdicts, bounds)
    assert kept(verdicts, {"translate": 1.3})
    lines = render(verdicts, "abc").splitlines()
    assert lines[1].split()[-6:] == ["1.100", "1.100–1.100", "10", "≤", "1.02", "BROKEN"]
    assert lines[2].split()[-1] == "holds"


@pytest.mark.parametrize("found", [{"cpu": pairs(*[0.5] * (LEAST_PAIRS - 1))}, {"cpu": []}, {}])
def test_a_bound_that_was_not_judged_is_not_kept(found: dict[str, list[Pair]]) -> None:
    verdicts = judge(found, {"cpu": 1.02})
    assert not kept(verdicts, {"cpu": 1.02})
    assert kept(verdicts, {})


def test_the_baseline_is_a_commit() -> None:
    text = BASELINE.read_text().strip()
    assert len(text) == 40
    assert int(text, 16)


def test_a_commit_that_is_none() -> None:
    with pytest.raises(BuildError, match="no such commit"), builds("no-such-commit"):
        pass


def test_bodies_of_a_megabyte_in_every_direction(tmp_path: Path) -> None:
    write_bodies(tmp_path)
    bodies = {caller: (tmp_path / f"{caller}.json").read_bytes() for caller in CALLERS}
    assert all(SIZE * 0.7 < len(body) < SIZE * 1.5 for body in bodies.values())
    for caller, provider in directions():
        request = msgspec.json.decode(bodies[caller])
        written = translate_request(request, caller, provider, "m")
        assert len(msgspec.json.encode(written)) > SIZE * 0.7


@pytest.mark.parametrize(
    "words",
    [
        ["--pair", "--quick"],
        ["--pair", "--only", "resume"],
        ["--pair", "--only", "cpu", "--bound", "translate=1.3"],
        ["--pair", "--bound", "resume=1"],
        ["--pair", "--bound", "cpu=much"],
        ["--bound", "cpu=1.02"],
        ["--only", "translate"],
    ],
)
def test_options_that_do_not_go_together(words: list[str]) -> None:
    assert CliRunner().invoke(main, words).exit_code == 2


async def test_answers_say_the_same_in_every_direction(tmp_path: Path) -> None:
    write_streams(tmp_path)
    said = {"chat": b'"content":', "messages": b"text_delta", "responses": b"output_text.delta"}
    for caller, spoken in directions():
        recorded: Any = Recorded(spoken, (tmp_path / f"{spoken}.sse").read_bytes())
        frames = await answer(TranslatedProvider(recorded, spoken, caller), caller)
        texts = [frame for frame in frames if said[caller] in frame.body]
        assert TOKENS <= len(texts) <= TOKENS + 2, (caller, spoken)

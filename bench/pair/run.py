"""All pairs of a run: added until every ratio is sure or the time is over, then the table."""

import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import msgspec

from bench.pair.bodies import write_bodies
from bench.pair.builds import Build, builds
from bench.pair.ratio import LEAST_PAIRS, Pair, Ratio, ratio_of
from bench.pair.streams import write_streams
from bench.pair.turns import FAILURES, UNITS, measure_pair
from bench.percentiles import median
from bench.table import Table, number

_MOST_LOST = 3  # pairs that may fail before the run does

Pairs = dict[str, list[Pair]]


class Verdict(msgspec.Struct, frozen=True):
    """What came out for one figure; ``holds`` is None without a bound, or too few pairs for one."""

    figure: str
    unit: str
    this: float  # the median of each build's own values
    other: float
    ratio: float
    low: float
    high: float
    pairs: int
    bound: float | None
    holds: bool | None


def compare(
    commit: str, figures: tuple[str, ...], bounds: Mapping[str, float], minutes: float, out: Path
) -> bool:
    """Measure, print the table and write it as JSON; whether every bound was kept.

    Raises:
        BuildError: the commit can't be had.
        Exception: too many pairs failed; the last one's failure.
    """
    signal.signal(signal.SIGTERM, _end)
    with builds(commit) as both, tempfile.TemporaryDirectory(prefix="streamhold-bodies-") as folder:
        write_bodies(Path(folder))
        write_streams(Path(folder))
        pairs = _measure(both, figures, minutes * 60, Path(folder), out.parent)
    verdicts = judge(pairs, bounds)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(verdicts)) + b"\n")
    print(render(verdicts, both[1].name))
    print(f"\nThe ratio is the median of the pairs' ratios; the table is in {out} as JSON.")
    return kept(verdicts, bounds)


def _end(number: int, frame: object) -> None:
    """What was started and made goes with the run."""
    sys.exit(128 + number)


def kept(verdicts: Sequence[Verdict], bounds: Mapping[str, float]) -> bool:
    """Whether every bound was shown to hold; one without a verdict was not."""
    return set(bounds) <= {verdict.figure for verdict in verdicts if verdict.holds}


def judge(pairs: Mapping[str, Sequence[Pair]], bounds: Mapping[str, float]) -> list[Verdict]:
    """The verdict on every figure of which there are pairs."""
    return [
        _verdict(name, values, ratio_of(values), bounds.get(name))
        for name, values in pairs.items()
        if values
    ]


def render(verdicts: Sequence[Verdict], other: str) -> str:
    """The table, as text."""
    head = ["", "this tree", other, "unit", "ratio", "95 % interval", "pairs", "bound", ""]
    return Table(head, [("", [_row(verdict) for verdict in verdicts])], range(1, 3)).text()


def _measure(
    both: tuple[Build, Build], figures: tuple[str, ...], seconds: float, bodies: Path, logs: Path
) -> Pairs:
    pairs: Pairs = {name: [] for name in figures}
    random = Random()
    begun = time.monotonic()
    longest = 0.0
    lost = 0
    while not _sure(pairs) and time.monotonic() - begun + longest < seconds:
        at = time.monotonic()
        try:
            found = measure_pair(both, figures, bodies, logs, random)
        except FAILURES as error:
            print(f"a pair is lost: {type(error).__name__}: {error}", file=sys.stderr)
            lost += 1
            if lost > _MOST_LOST:
                raise
            continue
        longest = max(longest, time.monotonic() - at)
        for name, pair in found.items():
            pairs[name].append(pair)
        print(_progress(pairs), file=sys.stderr)
    return pairs


def _sure(pairs: Pairs) -> bool:
    return all(values and ratio_of(values).sure for values in pairs.values())


def _progress(pairs: Pairs) -> str:
    words = []
    for name, values in pairs.items():
        ratio = ratio_of(values)
        last = values[-1].ratio
        words.append(f"{name} {last:.3f} ({ratio.median:.3f}, {ratio.low:.3f}–{ratio.high:.3f})")
    return f"pair {len(next(iter(pairs.values())))}: " + "; ".join(words)


def _verdict(name: str, values: Sequence[Pair], ratio: Ratio, bound: float | None) -> Verdict:
    return Verdict(
        figure=name,
        unit=UNITS[name],
        this=median([pair.this for pair in values]),
        other=median([pair.other for pair in values]),
        ratio=ratio.median,
        low=ratio.low,
        high=ratio.high,
        pairs=ratio.pairs,
        bound=bound,
        holds=None if bound is None else ratio.within(bound),
    )


def _row(verdict: Verdict) -> list[str]:
    return [
        verdict.figure.replace("_", " "),
        number(verdict.this),
        number(verdict.other),
        verdict.unit,
        f"{verdict.ratio:.3f}",
        f"{verdict.low:.3f}–{verdict.high:.3f}",
        str(verdict.pairs),
        "" if verdict.bound is None else f"≤ {verdict.bound:g}",
        _mark(verdict),
    ]


def _mark(verdict: Verdict) -> str:
    if verdict.bound is None:
        return ""
    if verdict.holds is None:
        return f"NOT JUDGED: fewer than {LEAST_PAIRS} pairs"
    return "holds" if verdict.holds else "BROKEN"

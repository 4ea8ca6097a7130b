"""``python -m bench``: run the measures, print the tables, write figures and plots."""

import asyncio
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec
import uvloop

from bench import scaling
from bench.document import SCALING
from bench.figures import Figure
from bench.measures import MEASURES
from bench.page import write_page
from bench.pair.builds import BuildError
from bench.pair.run import compare
from bench.pair.turns import FIGURES as PAIRED
from bench.peers import PEERS
from bench.plan import FULL, QUICK, Plan
from bench.report import read_report, write_report
from bench.run import Run
from bench.streamhold import Restarted, running
from bench.table import render
from broker.process import raise_file_limit

_OUT = Path(__file__).parent / "out"


class _Names(click.ParamType[tuple[str, ...]]):
    """Measures, or figures of a pair, separated by commas."""

    name = "NAME,…"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        names = tuple(str(value).split(","))
        for name in names:
            if name not in (*MEASURES, *PAIRED):
                self.fail(f"{name!r} is none of: {', '.join(MEASURES)}", param, ctx)
        return names


class _Bound(click.ParamType[tuple[str, float]]):
    """A figure of a pair and the most that its ratio may be."""

    name = "NAME=RATIO"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        name, _, text = str(value).partition("=")
        if name not in PAIRED:
            self.fail(f"{name!r} is none of: {', '.join(PAIRED)}", param, ctx)
        try:
            return name, float(text)
        except ValueError:
            self.fail(f"{text!r} is no number", param, ctx)


@click.command()
@click.option("--quick", is_flag=True, help="A small share of it, within two minutes.")
@click.option(
    "--only",
    multiple=True,
    type=_Names(),
    help=f"Of: {', '.join(MEASURES)}. With --pair of: {', '.join(PAIRED)}.",
)
@click.option("--peer", multiple=True, type=click.Choice(list(PEERS)), help="Beside this one.")
@click.option(
    "--out",
    default=_OUT / "figures.json",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the figures go, as JSON; the table and the plots beside it.",
)
@click.option(
    "--pair",
    is_flag=False,
    flag_value="",
    metavar="[COMMIT]",
    help="Compare this tree with a commit, by default that in bench/BASELINE, pair by pair.",
)
@click.option("--bound", multiple=True, type=_Bound(), help="With --pair: exit with 1 beyond it.")
@click.option(
    "--minutes",
    default=30.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="With --pair: the most that it may take.",
)
@click.option("--check", is_flag=True, help="Exit with 1 if a goal is not reached.")
@click.option(
    "--scaling",
    "of_run",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Measure nothing: from a run's figures, print what large loads take.",
)
@click.option("--write", is_flag=True, help="With --scaling: put it into docs/scaling.md.")
def main(
    quick: bool,
    only: tuple[tuple[str, ...], ...],
    peer: tuple[str, ...],
    out: Path,
    check: bool,
    pair: str | None,
    bound: tuple[tuple[str, float], ...],
    minutes: float,
    of_run: Path | None,
    write: bool,
) -> None:
    """Measure Streamhold beside its provider reached directly, and beside peers.

    Exits with 1 if something of Streamhold's could not be measured.
    """
    chosen = tuple(name for names in only for name in names)
    if pair is not None:
        if quick or peer or check or of_run or write:
            raise click.UsageError("--pair goes with --only, --bound and --minutes alone.")
        _compare(pair, chosen, dict(bound), minutes)
        return
    if bound or not set(chosen) <= set(MEASURES):
        raise click.UsageError(f"--bound and --only {'/'.join(PAIRED)} go with --pair.")
    if of_run is not None:
        _scale(of_run, write)
        return
    raise_file_limit()
    plan = QUICK if quick else FULL
    _OUT.mkdir(exist_ok=True)
    names = chosen or tuple(MEASURES)
    figures, failures, whole = _measure(plan, names, tuple(dict.fromkeys(peer)))
    report = write_report(figures, msgspec.structs.asdict(plan), out, failures)
    page = write_page(report, out)
    click.echo(render(figures))
    click.echo(f"\nThe figures are in {out}, the same table with plots in {page}.")
    for line in failures:
        click.echo(f"not measured: {line}")
    if not whole or (check and not report.reached):
        sys.exit(1)


def _compare(
    commit: str, chosen: tuple[str, ...], bounds: dict[str, float], minutes: float
) -> None:
    names = tuple(name for name in PAIRED if name in (chosen or PAIRED))
    if not {*chosen, *bounds} <= set(names):
        raise click.UsageError(f"With --pair there are {', '.join(PAIRED)}; bound what you pick.")
    raise_file_limit()
    _OUT.mkdir(exist_ok=True)
    try:
        if not compare(commit, names, bounds, minutes, _OUT / "pair.json"):
            sys.exit(1)
    except BuildError as error:
        raise click.ClickException(str(error)) from None


def _scale(of_run: Path, write: bool) -> None:
    try:
        text = scaling.render(read_report(of_run))
    except KeyError as error:
        raise click.ClickException(
            f"{of_run} has no {error.args[0]}; it takes a whole run"
        ) from None
    click.echo(text)
    if write:
        SCALING.write(text)


def _measure(
    plan: Plan, names: tuple[str, ...], peers: tuple[str, ...]
) -> tuple[list[Figure], list[str], bool]:
    """(figures, failures, whether all but peers were measured)."""
    folder = Path(tempfile.mkdtemp(prefix="streamhold-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        streamhold = stack.enter_context(running(folder, _OUT / "streamhold.log"))
        found = [stack.enter_context(PEERS[name](_OUT, streamhold, plan)) for name in peers]
        run = Run(plan, streamhold, tuple(found))
        return uvloop.run(_run(run, names)), run.failures, not run.missed


async def _run(run: Run, names: tuple[str, ...]) -> list[Figure]:
    figures: list[Figure] = []
    for name in MEASURES:
        if name not in names:
            continue
        print(f"measuring {name} …", file=sys.stderr)
        try:
            async with asyncio.timeout(run.left):
                await run.streamhold.rest()
                figures += await MEASURES[name](run)
            run.streamhold.check_unchanged()
        except Restarted as error:
            run.fail(name, error)
            return figures
        except Exception as error:  # noqa: BLE001 - the other measures are worth having
            run.fail(name, error)
        for subject in run.subjects:
            subject.pool.close()
    return figures


if __name__ == "__main__":
    main()

"""``python -m bench``: run the measures, print the table, write the figures."""

import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec
import uvloop

from bench.figures import Figure
from bench.measures import MEASURES
from bench.peers import PEERS
from bench.plan import FULL, QUICK, Plan
from bench.report import write_report
from bench.run import Run
from bench.streamhold import running
from bench.table import render
from broker.process import raise_file_limit

_OUT = Path(__file__).parent / "out"


@click.command()
@click.option("--quick", is_flag=True, help="About 20 seconds; rougher figures.")
@click.option("--only", multiple=True, type=click.Choice(list(MEASURES)), help="This measure.")
@click.option("--peer", multiple=True, type=click.Choice(list(PEERS)), help="Beside this proxy.")
@click.option(
    "--out",
    default=_OUT / "figures.json",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the figures go, as JSON.",
)
@click.option("--check", is_flag=True, help="Exit with 1 if a limit is not kept.")
def main(quick: bool, only: tuple[str, ...], peer: tuple[str, ...], out: Path, check: bool) -> None:
    """Measure Streamhold beside its provider reached directly."""
    raise_file_limit()
    plan = QUICK if quick else FULL
    _OUT.mkdir(exist_ok=True)
    figures = _measure(plan, only or tuple(MEASURES), peer)
    report = write_report(figures, msgspec.structs.asdict(plan), out)
    click.echo(render(figures))
    click.echo(f"\nThe figures are in {out}.")
    if check and not report.passed:
        sys.exit(1)


def _measure(plan: Plan, names: tuple[str, ...], peers: tuple[str, ...]) -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="streamhold-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        streamhold = stack.enter_context(running(folder, _OUT / "streamhold.log"))
        found = [
            stack.enter_context(PEERS[name](_OUT, streamhold.state.sim_url, plan)) for name in peers
        ]
        run = Run(plan, streamhold, tuple(found))
        return uvloop.run(_run(run, names))


async def _run(run: Run, names: tuple[str, ...]) -> list[Figure]:
    figures: list[Figure] = []
    for name in MEASURES:
        if name in names:
            print(f"measuring {name} …", file=sys.stderr)
            figures += await MEASURES[name](run)
            run.streamhold.check_unchanged()
    for subject in run.subjects:
        subject.pool.close()
    return figures


if __name__ == "__main__":
    main()

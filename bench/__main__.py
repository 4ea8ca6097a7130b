"""``python -m bench``: run the measures, print the table, write the figures."""

import os
import platform
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec
import uvloop

from bench.figures import Figure, Report
from bench.measures import MEASURES
from bench.peers import PEERS
from bench.plan import FULL, QUICK, Plan
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
    report = Report(
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        machine=_machine(),
        plan=msgspec.structs.asdict(plan),
        figures=figures,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
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


def _machine() -> dict[str, str]:
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load_average_after": load,
    }


if __name__ == "__main__":
    main()

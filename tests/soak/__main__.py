"""``python -m tests.soak``: run a soak, print its table, exit with 1 if anything was violated."""

import sys
import tempfile
from collections import Counter
from pathlib import Path

import click
import uvloop

from broker.process import raise_file_limit
from tests.soak import plan as plans
from tests.soak.checks import judge
from tests.soak.history import load
from tests.soak.run import soak
from tests.soak.violation import Violation

_SHOWN = 20  # violations of each check


@click.command()
@click.option("--minutes", default=5.0, show_default=True, help="How long, healing apart.")
@click.option("--seed", default=1, show_default=True, help="Decides every fault and call.")
@click.option("--jobs", default=40, show_default=True, help="Jobs open at once.")
@click.option("--plan", "only_plan", is_flag=True, help="Print the schedule, and run nothing.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the history and the logs go; else a new temporary folder.",
)
@click.option(
    "--check",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Judge the history in this file again, and run nothing.",
)
def main(
    minutes: float, seed: int, jobs: int, only_plan: bool, out: Path | None, check: Path | None
) -> None:
    """Kill, stop and cut everything at random for a while, then check what was promised."""
    if check is not None:
        _end(judge(load(check)), f"The history is {check}.")
        return
    plan = plans.make_plan(seed, minutes)
    if only_plan:
        click.echo(plans.render(plan))
        return
    raise_file_limit()
    folder = out or Path(tempfile.mkdtemp(prefix="streamhold-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty.")
    click.echo(f"seed {seed}, {minutes:g} minutes; history and logs in {folder}", err=True)
    outcome = uvloop.run(soak(plan, folder, at_once=jobs))
    click.echo(outcome.table)
    again = f"scripts/soak --minutes {minutes:g} --seed {seed} --jobs {jobs}"
    _end(outcome.violations, f"The history and logs are in {folder}; again: {again}")


def _end(violations: list[Violation], where: str) -> None:
    shown: Counter[str] = Counter()
    for violation in violations:
        shown[violation.check] += 1
        if shown[violation.check] <= _SHOWN:
            click.echo(str(violation))
    counts = ", ".join(f"{check} {count}" for check, count in shown.most_common())
    click.echo(f"{len(violations)} violations{f' ({counts})' if counts else ''}. {where}")
    if violations:
        sys.exit(1)


if __name__ == "__main__":
    main()

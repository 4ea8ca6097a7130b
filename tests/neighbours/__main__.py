"""``python -m tests.neighbours``: attack a deployment beside an innocent account, and judge."""

import sys
import tempfile
from collections import Counter
from pathlib import Path

import click

from broker.process import raise_file_limit
from tests.neighbours import plan as plans
from tests.neighbours.attacks.kinds import KINDS, named, strikes_of
from tests.neighbours.attacks.strike import describe
from tests.neighbours.run import Outcome, judged, run
from tests.neighbours.summary import by_kind

_SHOWN = 12  # violations of each check


@click.command()
@click.option("--minutes", default=5.0, show_default=True, help="Of attacks.")
@click.option("--seed", default=1, show_default=True, help="Decides every attack and call.")
@click.option("--only", multiple=True, metavar="KIND", help="A kind or a family; may be repeated.")
@click.option("--plan", "only_plan", is_flag=True, help="Print the schedule, and run nothing.")
@click.option("--strikes", metavar="N", type=int, help="Print so many strikes of each kind.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the history and the logs go; else a new temporary folder.",
)
@click.option(
    "--check",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Judge the history in this folder again, and run nothing.",
)
def main(
    minutes: float,
    seed: int,
    only: tuple[str, ...],
    only_plan: bool,
    strikes: int | None,
    out: Path | None,
    check: Path | None,
) -> None:
    """Attack in every way, and check that an innocent account notices nothing of it."""
    if check is not None:
        _end(judged(check), f"The history is in {check}.")
        return
    try:
        kinds = named(only)
    except KeyError as error:
        raise click.UsageError(f"there is no kind {error}: {', '.join(KINDS)}") from None
    plan = plans.make_plan(seed, minutes, kinds)
    if strikes is not None:
        _show_strikes(kinds or tuple(KINDS), seed, strikes)
        return
    if only_plan:
        click.echo(plans.render(plan))
        return
    raise_file_limit()
    folder = out or Path(tempfile.mkdtemp(prefix="streamhold-hostile-"))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty.")
    click.echo(f"seed {seed}, {minutes:g} minutes; history and logs in {folder}", err=True)
    outcome = run(plan, folder, minutes, kinds)
    words = "".join(f" --only {word}" for word in only)
    again = f"scripts/hostile --minutes {minutes:g} --seed {seed}{words}"
    _end(outcome, f"The history and logs are in {folder}; again: {again}")


def _show_strikes(kinds: tuple[str, ...], seed: int, count: int) -> None:
    for kind in kinds:
        for _, strike in zip(range(count), strikes_of(kind, seed, 0), strict=False):
            click.echo(f"{kind:<20} {describe(strike)}")


def _end(outcome: Outcome, where: str) -> None:
    click.echo(outcome.table)
    shown: Counter[str] = Counter()
    for violation in outcome.violations:
        shown[violation.check] += 1
        if shown[violation.check] <= _SHOWN:
            click.echo(str(violation))
    counts = by_kind(outcome.violations)
    count = len(outcome.violations)
    click.echo(f"{count} violations{f' ({counts})' if counts else ''}. {where}")
    if outcome.violations:
        sys.exit(1)


if __name__ == "__main__":
    main()

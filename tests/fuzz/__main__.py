"""``python -m tests.fuzz``: the whole campaign, its summary, and 1 if anything was wrong."""

import sys
import tempfile
import time
from pathlib import Path

import click

from tests.fuzz import campaign
from tests.fuzz.scene import Scene
from tests.hostile import campaign as hostile
from tests.hostile.scene import Scene as HostileScene
from tests.plausible.campaign import run as run_plausible


@click.command(context_settings={"show_default": True})
@click.option("--requests", type=int, help="How many bad requests at least; 10000 by default.")
@click.option("--providers", type=int, help="In place of these: so many hostile answers.")
@click.option("--plausible", type=int, help="In place of these: so many plausible answers.")
@click.option("--seed", default=1, help="The same seed makes the same.")
def main(requests: int | None, providers: int | None, plausible: int | None, seed: int) -> None:
    """Send bad requests to a deployment of its own, or bad answers; judge all that comes. Plausible
    answers are played in this process."""
    begun = time.monotonic()
    if plausible is not None:
        answers = run_plausible(plausible, seed, _say)
        click.echo(f"seed {seed}, {time.monotonic() - begun:.0f} s\n\n{answers}")
        sys.exit(bool(answers.violations))
    with tempfile.TemporaryDirectory(prefix="streamhold-fuzz-") as folder:
        if providers is None:
            tally, faults = _requests(Path(folder), requests or 10_000, seed)
        else:
            tally, faults = _providers(Path(folder), providers, seed)
    click.echo(f"seed {seed}, {time.monotonic() - begun:.0f} s\n\n{tally}")
    sys.exit(faults)


def _requests(folder: Path, count: int, seed: int) -> tuple[str, bool]:
    scene = Scene(folder)
    try:
        tally = campaign.run(scene, count, seed, _say)
    finally:
        scene.close()
    return str(tally), bool(tally.faults)


def _providers(folder: Path, count: int, seed: int) -> tuple[str, bool]:
    scene = HostileScene(folder)
    try:
        tally = hostile.run(scene, count, seed, _say)
        click.echo(str(tally), err=True)
    finally:
        scene.close()
    return str(tally), bool(tally.faults)


def _say(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main()

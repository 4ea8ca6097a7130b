"""``python -m tests.fuzz``: the whole campaign, its summary, and 1 if anything was wrong."""

import sys
import tempfile
import time
from pathlib import Path

import click

from tests.fuzz.campaign import run
from tests.fuzz.scene import Scene


@click.command(context_settings={"show_default": True})
@click.option("--requests", "count", default=10_000, help="How many at least.")
@click.option("--seed", "number", default=1, help="The same seed makes the same requests.")
def main(count: int, number: int) -> None:
    """Send bad requests to a deployment of its own, and judge every answer."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="streamhold-fuzz-") as folder:
        scene = Scene(Path(folder))
        try:
            tally = run(scene, count, number, say=lambda text: click.echo(text, err=True))
        finally:
            scene.close()
    click.echo(f"seed {number}, {time.monotonic() - begun:.0f} s\n\n{tally}")
    sys.exit(bool(tally.faults))


if __name__ == "__main__":
    main()

"""A short run of hostile callers beside an innocent one. ``scripts/hostile`` runs long ones."""

import pytest

from tests.neighbours.attacks.kinds import named
from tests.neighbours.plan import make_plan
from tests.neighbours.run import run

SEED = 1
MINUTES = 0.7
# Of the kinds those that leave so much room that a busy machine doesn't matter.
MENDED = ("connection-states", "header", "number")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_innocent_account_notices_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    kinds = named(MENDED)
    outcome = run(make_plan(SEED, MINUTES, kinds), folder, MINUTES, kinds)
    found = "\n".join(map(str, outcome.violations))
    words = " ".join(f"--only {kind}" for kind in MENDED)
    again = f"scripts/hostile --minutes {MINUTES} --seed {SEED} {words}"
    assert not outcome.violations, f"{found}\n{outcome.table}\nin {folder}; again: {again}"

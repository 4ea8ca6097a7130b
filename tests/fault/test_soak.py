"""A short soak: faults that meet, under many callers. ``scripts/soak`` runs long ones."""

import pytest

from tests.soak.plan import make_plan
from tests.soak.run import soak
from tests.soak.summary import resumes

SEED = 1
MINUTES = 0.3


@pytest.mark.slow
@pytest.mark.timeout(420)  # what is struck takes its time to end on a slow machine
async def test_a_short_soak_violates_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("soak")
    outcome = await soak(make_plan(SEED, MINUTES), folder, at_once=25)
    found = "\n".join(map(str, outcome.violations))
    again = f"scripts/soak --minutes {MINUTES} --seed {SEED} --jobs 25"
    assert not outcome.violations, f"{found}\n{outcome.table}\nin {folder}; again: {again}"
    assert any(fault.done for fault in outcome.history.faults), outcome.table
    assert resumes(outcome.history), outcome.table

"""Hostile answers, the same ones every time: ``scripts/fuzz --providers`` sends thousands."""

from collections.abc import Iterator

import pytest

from tests.hostile.campaign import run
from tests.hostile.manner import FAIR, FOUL
from tests.hostile.scene import Scene

CASES, SEED = 180, 7


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("providers"))
    yield scene
    scene.close()


@pytest.mark.timeout(120)
def test_every_end_is_true_and_no_process_minds(scene: Scene) -> None:
    tally = run(scene, CASES, SEED)
    assert not tally.faults, str(tally)
    assert tally.cases.total() == CASES
    assert {each.__name__ for each in (*FAIR, *FOUL)} <= set(tally.ways)
    assert {"completed", "provider_garbled", "provider_cut", "provider_timeout"} <= set(tally.ends)

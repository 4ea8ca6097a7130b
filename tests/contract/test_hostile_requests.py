"""Eight hundred bad requests, the same ones every time: ``scripts/fuzz`` sends ten thousand."""

from collections.abc import Iterator

import pytest

from tests.fuzz.campaign import run
from tests.fuzz.scene import Scene

REQUESTS, SEED = 500, 20


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("hostile"))
    yield scene
    scene.close()


@pytest.mark.timeout(180)
def test_nothing_wrong_with_any_answer_nor_afterwards(scene: Scene) -> None:
    tally = run(scene, REQUESTS, SEED)
    assert not tally.faults, str(tally)
    assert tally.generators.total() >= REQUESTS
    assert len(tally.accepted) > 10  # not all were refused at the door
    unasked = [name for name, asked in tally.operations.items() if not asked]
    assert not unasked

"""One deployment and one scripted provider for all judges; SDKs for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.contract.judges.stage import Court, Stage
from tests.deployment import Deployment

CONFIG = """
[breaker]
least_calls = 100_000

[worker]
backoff = 0.01

"""


@pytest.fixture(scope="package")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture(scope="package")
def judged(tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("judged")
    deployment = Deployment(folder, config=CONFIG + stage.config())
    yield deployment
    deployment.close()


@pytest.fixture
async def court(stage: Stage, judged: Deployment) -> AsyncIterator[Court]:
    court = Court(stage, judged)
    yield court
    await court.close()

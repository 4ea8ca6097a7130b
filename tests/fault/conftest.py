"""Clusters for the fault tests; their logs are shown with a failure."""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from rig.cluster import Cluster

_SHOWN = 4000  # characters of each log

Make = Callable[..., Awaitable[Cluster]]


@pytest.fixture
async def make_cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Make]:
    """``await make_cluster(apis=2, workers=2, config="")`` starts a cluster of the test's own."""
    made: list[Cluster] = []
    request.node.stash[_CLUSTERS] = made

    async def make(*, apis: int = 2, workers: int = 2, config: str = "") -> Cluster:
        cluster = Cluster(tmp_path_factory.mktemp("cluster"), config)
        made.append(cluster)
        await cluster.start(apis=apis, workers=workers)
        return cluster

    yield make
    defects = [line for cluster in made for line in cluster.defects()]
    for cluster in made:
        await cluster.close()
    assert not defects, "\n".join(defects)


_CLUSTERS = pytest.StashKey[list[Cluster]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report: pytest.TestReport = yield
    if report.failed:
        logs = [log for cluster in item.stash.get(_CLUSTERS, []) for log in cluster.logs()]
        report.sections += [(_title(log), log.read_text()[-_SHOWN:]) for log in logs]
    return report


def _title(log: Path) -> str:
    return f"log of {log.stem}"

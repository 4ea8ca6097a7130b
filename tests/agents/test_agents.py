"""Claude Code and Codex, unmodified: a loop on each dialect, and a turn that outlives its servers.

``scripts/agents`` has all the other clients.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents.cell import Scenario, run
from tests.agents.clients import CLIENTS
from tests.agents.packages import NotInstalled, Package, packages
from tests.agents.stand import PROVIDERS, Stand
from tests.conftest import lacks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NAMES = ("claude-code", "codex")
LOSSES = (Scenario.JOIN, Scenario.SIDECAR, Scenario.JOIN_TWO, Scenario.SIDECAR_TWO)
CELLS = [
    *((name, dialect, Scenario.LOOP) for name in NAMES for dialect in PROVIDERS),
    *((name, CLIENTS[name].surface, scenario) for scenario in LOSSES for name in NAMES),
]


@pytest.fixture(scope="module")
def installed() -> dict[str, Package]:
    """The packages of both."""
    known = {name: packages()[name] for name in NAMES}
    for package in known.values():
        try:
            package.install()
        except NotInstalled as error:
            lacks(f"an npm package can't be installed: {error}")
    return known


@pytest.fixture(scope="module")
def stand(
    request: pytest.FixtureRequest,
    installed: dict[str, Package],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stand]:
    """A deployment with as many API processes as the parameter says."""
    stand = Stand(tmp_path_factory.mktemp("stand"), request.param)
    yield stand
    stand.close()


@pytest.mark.parametrize(
    ("stand", "name", "dialect", "scenario"),
    [(scenario.apis, name, dialect, scenario) for name, dialect, scenario in CELLS],
    ids=[f"{name}-{dialect}-{scenario.name.lower()}" for name, dialect, scenario in CELLS],
    indirect=["stand"],
)
def test_a_turn_is_whole_and_paid_once(
    stand: Stand,
    installed: dict[str, Package],
    tmp_path: Path,
    name: str,
    dialect: str,
    scenario: Scenario,
) -> None:
    """The tool has run once, its result has come back, and each answer was one provider call."""
    result = run(CLIENTS[name], installed[name], stand, dialect, scenario, tmp_path / "cell")
    assert result.problems == [], (tmp_path / "cell/err").read_text()[-2000:]

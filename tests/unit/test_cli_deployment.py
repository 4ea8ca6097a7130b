"""What ``up`` would run: plans, addresses, ports, and the state file."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from broker.cli.data import DataFolder
from broker.cli.deployment import Deployment, answers_200, find_ports, http_url
from broker.cli.valkey import default_memory
from broker.errors import ConfigError
from broker.settings import Server, Settings, Store


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataFolder]:
    folder = DataFolder(tmp_path / "data")
    yield folder
    folder.close()


def test_the_plans_of_a_simulated_deployment(data: DataFolder) -> None:
    deployment = Deployment(
        settings=Settings(), data=data, ports=(81, 82), workers=2, sim_url="http://127.0.0.1:9/v1"
    )
    store, sim, rest = deployment.groups()
    assert [plan.name for plan in store + sim] == ["valkey", "sim"]
    assert [plan.name for plan in rest] == ["api-0", "api-1", "worker-0", "worker-1"]
    assert store[0].fds == (data.lock,)
    for plan in rest:
        assert plan.env["STREAMHOLD_STORE_URL"] == f"unix://{data.sockets}/s.sock"
        assert plan.env["STREAMHOLD_SIM_URL"] == "http://127.0.0.1:9/v1"
        assert "STREAMHOLD_CONFIG" not in plan.env
        assert plan.grace > Server().drain


@pytest.mark.parametrize("own", [None, 0, 123_456_789])
def test_the_store_has_a_limit_of_memory(data: DataFolder, own: int | None) -> None:
    """Without one new jobs are taken until the machine ends something."""
    settings = Settings(store=Store(maxmemory=own))
    (store,), *_ = Deployment(settings=settings, data=data, ports=(81,)).groups()
    words = list(store.command)
    limit = int(words[words.index("--maxmemory") + 1])
    assert limit == (default_memory() if own is None else own)
    assert default_memory() >= 256 * 1024 * 1024


@pytest.mark.parametrize(
    ("said", "limit"), [("1000000000", 400_000_000), ("500000000", 268_435_456), ("1", 268_435_456)]
)
def test_a_container_s_memory_is_what_it_may_use(tmp_path: Path, said: str, limit: int) -> None:
    file = tmp_path / "memory.max"
    file.write_text(f"{said}\n")
    assert default_memory(file) == limit
    file.write_text("max\n")
    assert default_memory(file) == default_memory(tmp_path / "none")


def test_a_configured_deployment_runs_no_simulator(
    data: DataFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    deployment = Deployment(settings=Settings(), data=data, ports=(81,), config="c.toml")
    _, sim, rest = deployment.groups()
    assert sim == []
    assert rest[0].env["STREAMHOLD_CONFIG"] == str(tmp_path / "c.toml")


def test_the_state_file(data: DataFolder, tmp_path: Path) -> None:
    deployment = Deployment(settings=Settings(server=Server(host="::")), data=data, ports=(81,))
    path = tmp_path / "state.json"
    deployment.write_state(path, {"valkey": 7})
    assert json.loads(path.read_text()) == {
        "apis": ["http://[::1]:81"],
        "pids": {"valkey": 7},
        "store_url": f"unix://{data.sockets}/s.sock",
        "sim_url": None,
    }
    assert list(tmp_path.glob("state*")) == [path]


OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_free_ports_differ() -> None:
    assert len(set(find_ports("127.0.0.1", 0, 5))) == 5


@pytest.mark.skipif(not OUTGOING.exists(), reason="only Linux says which ports it hands out")
def test_free_ports_are_none_that_an_outgoing_connection_may_get() -> None:
    lowest, highest = map(int, OUTGOING.read_text().split())
    for port in find_ports("127.0.0.1", 0, 20):
        assert not lowest <= port <= highest


def test_a_taken_port_is_said_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"Port {port} of 127.0.0.1"):
            find_ports("127.0.0.1", port, 1)


def test_ports_end_at_65535() -> None:
    with pytest.raises(ConfigError, match="beyond 65535"):
        find_ports("127.0.0.1", 65535, 2)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::1", "http://[::1]:1"),
    ],
)
def test_addresses_are_those_to_connect_to(host: str, url: str) -> None:
    assert http_url(host, 1) == url


async def test_only_200_is_ready() -> None:
    app = web.Application()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["status"]))

    app.router.add_get("/{status}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    assert await answers_200("127.0.0.1", port, "/200")
    assert not await answers_200("127.0.0.1", port, "/503")
    await runner.cleanup()
    assert not await answers_200("127.0.0.1", port, "/200")

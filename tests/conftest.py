"""Fixtures that every floor of the tests shares: the tools of the machine, real stores.

What a machine lacks is skipped with its name; under STREAMHOLD_REQUIRE_ALL=1 (CI) it is a
failure, so that no test is lost in silence.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest

from broker.cli import valkey
from rig import program
from rig.nursery import Nursery
from rig.store_server import StoreServer
from tests.node import install_packages

pytest_plugins = ("tests.contract.upstream",)  # its fixtures serve several modules

STORES = ("valkey", "redis7")

# How long examples take to be drawn says how busy the machine is, and nothing of the code.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")


def require(tool: str) -> Path:
    """The path of a program, or a skip (a failure under STREAMHOLD_REQUIRE_ALL=1)."""
    path = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        lacks(f"{tool} is not installed on this machine")
    return Path(path)


def lacks(reason: str) -> NoReturn:
    """Skip for what the machine lacks (fail under STREAMHOLD_REQUIRE_ALL=1)."""
    if os.environ.get("STREAMHOLD_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def nursery() -> Iterator[None]:
    """API processes, workers and simulated providers are forked from one that has their modules.

    Not on macOS, where nothing ends a process whose parent was killed.
    """
    if sys.platform != "linux":
        yield
        return
    program.nursery = Nursery()
    yield
    program.nursery.close()
    program.nursery = None


@pytest.fixture(scope="session")
def npm_packages() -> None:
    """The packages of ``clients/js`` are installed."""
    problem = install_packages()
    if problem:
        lacks(f"the npm packages of clients/js can't be installed: {problem}")


def store_binary(kind: str) -> Path:
    """The server program of one of ``STORES``."""
    return valkey.find_binary() if kind == "valkey" else require("redis-server")


@pytest.fixture
def make_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., StoreServer]]:
    """``make_store(kind="valkey", *options)`` starts a store of the test's own."""
    made: list[StoreServer] = []

    def make(kind: str = "valkey", *options: str) -> StoreServer:
        server = StoreServer(store_binary(kind), tmp_path_factory.mktemp(kind), options)
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.close()


def _session_store(kind: str, factory: pytest.TempPathFactory) -> Iterator[str]:
    server = StoreServer(store_binary(kind), factory.mktemp(kind))
    try:
        server.start()
        yield server.url
    finally:
        server.close()


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the embedded Valkey, shared by the run: use keys of your own."""
    yield from _session_store("valkey", tmp_path_factory)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis 7, shared by the run: use keys of your own."""
    yield from _session_store("redis7", tmp_path_factory)


@pytest.fixture(scope="session", params=STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    """Every store in turn (ids ``valkey``, ``redis7``); only the one in use is started."""
    fixture = {"valkey": "valkey_url", "redis7": "redis_url"}[request.param]
    url: str = request.getfixturevalue(fixture)
    return url

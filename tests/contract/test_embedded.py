"""The embedded store and Redis 7, for real: what a start promises, and what a kill loses."""

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from broker.cli import valkey
from rig.store_server import StoreServer

MakeStore = Callable[..., StoreServer]


def connect(server: StoreServer) -> Redis:
    return Redis.from_url(server.url)


def test_the_store_is_durable_and_never_evicts(store_url: str) -> None:
    with Redis.from_url(store_url) as redis:
        settings = redis.config_get("append*", "maxmemory-policy", "save", "port")
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["save"] == ""
    assert settings["port"] == "0"


def test_the_valkey_of_the_package_is_version_9(valkey_url: str) -> None:
    with Redis.from_url(valkey_url) as redis:
        assert redis.info("server")["valkey_version"].startswith("9.")


@pytest.mark.parametrize("kind", ["valkey", "redis7"])
def test_a_killed_store_comes_back_with_everything(make_store: MakeStore, kind: str) -> None:
    server = make_store(kind)
    with connect(server) as redis:
        for number in range(1, 501):
            redis.xadd("stream", {"f": "x"}, id=f"{number}-0")
    server.kill()
    assert not valkey.is_ready(server.socket)
    server.start()
    with connect(server) as redis:
        assert redis.xlen("stream") == 500


def test_the_socket_folder_is_private_and_short() -> None:
    folder = valkey.make_socket_folder()
    try:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert len(str(folder / "s.sock")) < 100
    finally:
        folder.rmdir()


def test_a_long_runtime_folder_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    folder = valkey.make_socket_folder()
    folder.rmdir()
    assert not folder.is_relative_to(deep)
    assert not list(deep.iterdir())


_PARENT = """
import signal, subprocess, sys, time
from broker.cli.tether import tether
child = subprocess.Popen(
    [sys.executable, "-c", "import sys, time; print('up', flush=True); time.sleep(60)"],
    preexec_fn=tether(signal.SIGKILL),
)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a child to its parent")
def test_a_child_dies_with_a_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        parent.kill()
        # The pipe's other end is held by the child too: end of file means that it is gone.
        assert parent.stdout.read() == b""

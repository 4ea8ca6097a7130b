"""A damaged log: which file it is, how much of it is sound, and what to do about it."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from broker.cli import valkey
from broker.cli.store_log import FOLDER, MANIFEST, explain, find_damage
from rig.store_server import StoreServer

KEYS = 500


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a base file and a file of what came after it."""
    server = StoreServer(valkey.find_binary(), tmp_path_factory.mktemp("written"))
    server.start()
    with Redis.from_url(server.url) as store:
        for number in range(KEYS):
            store.set(f"base-{number}", "v" * 100)
        store.bgrewriteaof()
        while store.info("persistence")["aof_rewrite_in_progress"]:
            pass
        for number in range(KEYS):
            store.set(f"later-{number}", "v" * 100)
        store.config_set("appendfsync", "always")
        store.set("last", "v")
    server.close()
    return server.data


@pytest.fixture
def log(written: Path, tmp_path: Path) -> Path:
    """A copy of its log."""
    subprocess.run(["cp", "-a", str(written / FOLDER), str(tmp_path)], check=True)
    return tmp_path / FOLDER


def find(log: Path, pattern: str) -> Path:
    [found] = log.glob(pattern)
    return found


def overwrite(path: Path) -> None:
    """Zeros in its middle, as a bad block has."""
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes(200) + data[middle + 200 :])


@pytest.fixture
def start(log: Path) -> Iterator[Callable[[], set[str] | None]]:
    """Start a store on the log: its keys, or None if it does not start."""
    servers: list[StoreServer] = []

    def run() -> set[str] | None:
        server = StoreServer(valkey.find_binary(), log.parent)
        servers.append(server)
        server.start(wait=False)
        assert server.process is not None
        while not valkey.is_ready(server.socket):
            if server.process.poll() is not None:
                return None
        with Redis.from_url(server.url, decode_responses=True) as store:
            return set(store.keys())

    yield run
    for server in servers:
        server.close()


def test_a_sound_log_has_nothing_to_explain(log: Path) -> None:
    assert find_damage(valkey.find_binary(), log.parent) is None
    assert explain(valkey.find_binary(), log.parent) is None


def test_nor_has_an_empty_folder(tmp_path: Path) -> None:
    assert explain(valkey.find_binary(), tmp_path) is None


def test_a_record_that_is_cut_off_is_left_out(
    log: Path, start: Callable[[], set[str] | None]
) -> None:
    last = find(log, "*.incr.aof")
    os.truncate(last, last.stat().st_size - 3)
    keys = start()
    assert keys is not None
    assert len(keys) == 2 * KEYS
    assert "last" not in keys


def test_damage_in_the_last_file_and_the_command_that_repairs_it(
    log: Path, start: Callable[[], set[str] | None]
) -> None:
    last = find(log, "*.incr.aof")
    overwrite(last)
    damaged = last.read_bytes()
    assert start() is None
    text = explain(valkey.find_binary(), log.parent)
    assert text is not None
    assert re.search(rf"{last}: sound up to byte [\d,]+ of {len(damaged):,}", text)
    assert last.read_bytes() == damaged
    copy, repair = (line for line in text.splitlines() if line.startswith(("  cp", "  bash")))
    subprocess.run(["bash", "-c", copy], check=True)
    subprocess.run(["bash", "-c", repair], check=True, input=b"y\n", capture_output=True)
    assert (log.parent / f"{FOLDER}.damaged" / last.name).read_bytes() == damaged
    keys = start()
    assert keys is not None
    assert KEYS < len(keys) < 2 * KEYS


@pytest.mark.parametrize(
    ("pattern", "spoil", "problem"),
    [
        ("*.base.rdb", overwrite, "it can't be read"),
        ("*.base.rdb", lambda path: os.truncate(path, 1000), "it can't be read"),
        ("*.incr.aof", Path.unlink, "it is missing"),
        (MANIFEST, lambda path: path.write_text("rubbish\n"), "does not list"),
        (MANIFEST, lambda path: path.write_text(""), "does not list"),
    ],
)
def test_damage_that_no_command_repairs(
    log: Path,
    start: Callable[[], set[str] | None],
    pattern: str,
    spoil: Callable[[Path], object],
    problem: str,
) -> None:
    path = find(log, pattern)
    spoil(path)
    assert start() is None
    text = explain(valkey.find_binary(), log.parent)
    assert text is not None
    assert f"{path}: " in text
    assert problem in text
    assert "backup" in text
    assert "--fix" not in text


def test_an_earlier_file_is_never_cut(log: Path) -> None:
    """What a later file holds builds on it."""
    first = find(log, "*.incr.aof")
    later = first.with_name("appendonly.aof.9.incr.aof")
    later.write_bytes(first.read_bytes())
    with open(log / MANIFEST, "a") as manifest:
        manifest.write(f"file {later.name} seq 9 type i\n")
    overwrite(first)
    damage = find_damage(valkey.find_binary(), log.parent)
    assert damage is not None
    assert (damage.file, damage.sound) == (first, None)

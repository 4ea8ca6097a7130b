"""The data folder: one user at a time, and what a killed one left is cleared away."""

import os
from pathlib import Path

import pytest

from broker.cli import data
from broker.cli.data import DataFolder
from broker.errors import ConfigError


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(data, "_PATIENCE", 0.0)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)


def test_a_second_user_is_refused_and_told_whom_to_ask(tmp_path: Path) -> None:
    first = DataFolder(tmp_path / "d")
    with pytest.raises(ConfigError, match=rf"process {os.getpid()}\) uses .*--data-dir"):
        DataFolder(tmp_path / "d")
    first.close()
    DataFolder(tmp_path / "d").close()


def test_close_removes_the_sockets_and_keeps_the_data(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "d")
    (folder.path / "kept").touch()
    assert folder.sockets.is_dir()
    folder.close()
    assert not folder.sockets.exists()
    assert (folder.path / "kept").exists()


def test_a_killed_users_sockets_are_cleared(tmp_path: Path) -> None:
    killed = DataFolder(tmp_path / "d")
    os.close(killed.lock)  # all that a kill does
    after = DataFolder(tmp_path / "d")
    assert not killed.sockets.exists()
    after.close()


def test_only_folders_of_our_name_are_cleared(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "up.lock").write_text(f'{{"pid": 1, "socket_folder": "{precious}"}}')
    DataFolder(tmp_path / "d").close()
    assert precious.is_dir()


def test_the_lock_outlives_its_owner_in_a_child(tmp_path: Path) -> None:
    owner = DataFolder(tmp_path / "d")
    inherited = os.dup(owner.lock)  # as the store inherits it
    owner.close()
    with pytest.raises(ConfigError):
        DataFolder(tmp_path / "d")
    os.close(inherited)
    DataFolder(tmp_path / "d").close()


def test_a_place_that_is_no_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="--data-dir"):
        DataFolder(tmp_path / "file" / "d")


def modes(folder: Path) -> dict[str, int]:
    """The permissions of all that is in the folder, and its own."""
    found = {str(path.relative_to(folder)): path for path in [folder, *folder.rglob("*")]}
    return {name: path.stat().st_mode & 0o777 for name, path in found.items()}


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o750, 0o500])
def test_what_was_there_before_is_made_private(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "d" / "appendonlydir"
    log.mkdir(parents=True)
    files = [log / "appendonly.aof.manifest", log / "appendonly.aof.1.incr.aof"]
    files += [tmp_path / "d" / "up.lock", tmp_path / "d" / "dump.rdb", log / "temp-1.aof"]
    for path in files:
        path.touch(0o644)
    for folder in (log, tmp_path / "d"):
        folder.chmod(mode)
    DataFolder(tmp_path / "d").close()
    found = modes(tmp_path / "d")
    assert found.pop(".") == found.pop("appendonlydir") == 0o700
    assert len(found) == len(files)
    assert set(found.values()) == {0o600}
    warned = [record for record in caplog.records if record.message.startswith("up.data_was_open")]
    assert len(warned) == 1


def test_a_new_folder_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        DataFolder(tmp_path / "d").close()
    finally:
        os.umask(before)
    assert modes(tmp_path / "d") == {".": 0o700, "up.lock": 0o600}


def test_a_private_folder_is_passed_over_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        DataFolder(tmp_path / "d").close()
    assert caplog.records == []


def test_other_files_keep_their_rights(tmp_path: Path) -> None:
    """They are hidden by the folder."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "notes.txt").touch(0o644)
    DataFolder(tmp_path / "d").close()
    assert modes(tmp_path / "d")["notes.txt"] == 0o644


@pytest.mark.parametrize("place", ["", "appendonlydir", "appendonlydir/x.aof", "up.lock"])
def test_what_belongs_to_another_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    folder = tmp_path / "d"
    (folder / "appendonlydir").mkdir(parents=True)
    for name in ("appendonlydir/x.aof", "up.lock"):
        (folder / name).touch()
    own = os.stat
    theirs = folder / place

    def lstat(path: Path) -> os.stat_result:
        found = list(own(path, follow_symlinks=False))
        found[4] += path == theirs
        return os.stat_result(found)

    monkeypatch.setattr(Path, "lstat", lstat)
    with pytest.raises(ConfigError, match=rf"{theirs} belongs to user \d+, .*--data-dir"):
        DataFolder(folder)


@pytest.mark.parametrize("place", ["appendonlydir", "appendonlydir/x.aof", "up.lock", "dump.rdb"])
def test_a_link_is_refused_and_what_it_names_is_left_alone(tmp_path: Path, place: str) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    precious.chmod(0o755)
    link = tmp_path / "d" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(precious)
    for _ in range(2):  # the lock is given up
        with pytest.raises(ConfigError, match="is a link"):
            DataFolder(tmp_path / "d")
    assert precious.stat().st_mode & 0o777 == 0o755


def test_a_folder_that_is_meant_for_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d").chmod(0o1777)
    with pytest.raises(ConfigError, match="shared by all users"):
        DataFolder(tmp_path / "d")
    assert (tmp_path / "d").stat().st_mode & 0o7777 == 0o1777

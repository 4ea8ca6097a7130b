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

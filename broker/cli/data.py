"""The data folder of ``up``: one at a time may use it.

The lock is an flock on ``up.lock`` whose descriptor the store inherits, so the folder stays
taken until the store itself has closed its files, even when ``up`` was killed -9. The file
names the process and the socket folder, which the next ``up`` clears away after a kill.

What it holds are prompts and answers, so it is this user's alone: folders 0700 and files 0600,
whatever they were before. The store is started with a umask that keeps them so.
"""

import fcntl
import os
import shutil
import stat
import time
from pathlib import Path

import msgspec

from broker import log
from broker.cli import store_log, valkey
from broker.errors import ConfigError

# What `up` and the store put into the folder; whatever else is there is hidden by the folder.
_KEPT = (store_log.FOLDER, f"{store_log.FOLDER}/*", "*.rdb", "*.aof")
_PATIENCE = 3.0  # seconds for the store of an `up` that was just killed to close its files


class _Holder(msgspec.Struct):
    pid: int
    socket_folder: str


class DataFolder:
    """A locked data folder and the socket folder that goes with it; ``close`` gives both up."""

    def __init__(self, path: Path) -> None:
        """Make and lock the folder.

        Raises:
            ConfigError: it can't be written or made private, or another ``up`` has it.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path = path.resolve()
            opened = _make_private(self.path)
            opened |= _all_private(self.path, "up.lock")
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            self.lock = os.open(self.path / "up.lock", flags, 0o600)
        except OSError as error:
            raise ConfigError(f"--data-dir {path}: {error.strerror}") from error
        self._take()
        try:  # only now: a store that runs replaces its files
            opened |= _all_private(self.path, *_KEPT)
        except (ConfigError, OSError) as error:
            os.close(self.lock)
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"--data-dir {path}: {error.strerror}") from error
        if opened:
            log.warning("up.data_was_open_to_others", folder=str(self.path))
        _clear(self._holder())
        self.sockets = valkey.make_socket_folder()
        self._write(_Holder(os.getpid(), str(self.sockets)))

    def close(self) -> None:
        """Let the next one in. The socket folder goes, the data stays."""
        shutil.rmtree(self.sockets, ignore_errors=True)
        os.close(self.lock)

    def _take(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
        holder = self._holder()
        os.close(self.lock)
        whose = f" (process {holder.pid})" if holder else ""
        raise ConfigError(f"Another `streamhold up`{whose} uses {self.path}; name a --data-dir.")

    def _holder(self) -> _Holder | None:
        try:
            return msgspec.json.decode(os.pread(self.lock, 4096, 0), type=_Holder)
        except msgspec.MsgspecError:
            return None

    def _write(self, holder: _Holder) -> None:
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, msgspec.json.encode(holder), 0)


def _clear(last: _Holder | None) -> None:
    """Remove what a killed ``up`` left: only a folder of the name that we give."""
    if last is not None and Path(last.socket_folder).name.startswith("streamhold-"):
        shutil.rmtree(last.socket_folder, ignore_errors=True)


def _all_private(folder: Path, *names: str) -> bool:
    """``_make_private`` of all that the folder has under these names."""
    paths = sorted(path for name in names for path in folder.glob(name))
    had_any = [_make_private(path) for path in paths]
    return any(had_any)


def _make_private(path: Path) -> bool:
    """Take all rights of others from a file or folder; whether they had any.

    Raises:
        ConfigError: it is another's, or a link, or a folder that is meant for many.
        OSError: it can't be done.
    """
    found = path.lstat()
    if found.st_mode & stat.S_ISVTX:
        raise ConfigError(f"{path} is shared by all users; name a --data-dir of its own.")
    if stat.S_ISLNK(found.st_mode):
        raise ConfigError(f"{path} is a link, which could lead anywhere; put what it names there.")
    if found.st_uid != os.geteuid():
        raise ConfigError(
            f"{path} belongs to user {found.st_uid}, who could read what is stored; "
            "give it to the user that runs this (chown -R), or name another --data-dir."
        )
    wanted = 0o700 if stat.S_ISDIR(found.st_mode) else 0o600
    path.chmod(wanted)
    return bool(found.st_mode & 0o077)

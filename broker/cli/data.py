"""The data folder of ``up``: one at a time may use it.

The lock is an flock on ``up.lock`` whose descriptor the store inherits, so the folder stays
taken until the store itself has closed its files, even when ``up`` was killed -9. The file
names the process and the socket folder, which the next ``up`` clears away after a kill.
"""

import fcntl
import os
import shutil
import time
from pathlib import Path

import msgspec

from broker.cli import valkey
from broker.errors import ConfigError

_PATIENCE = 3.0  # seconds for the store of an `up` that was just killed to close its files


class _Holder(msgspec.Struct):
    pid: int
    socket_folder: str


class DataFolder:
    """A locked data folder and the socket folder that goes with it; ``close`` gives both up."""

    def __init__(self, path: Path) -> None:
        """Make and lock the folder.

        Raises:
            ConfigError: it can't be written, or another ``up`` has it.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path = path.resolve()
            self.lock = os.open(self.path / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(f"--data-dir {path}: {error.strerror}") from error
        self._take()
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

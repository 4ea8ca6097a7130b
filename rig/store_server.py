"""A real store on a unix socket of its own, that can be killed and started again."""

import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from broker.cli import valkey
from broker.cli.tether import tether


@dataclass
class StoreServer:
    """One server process over one data folder; ``options`` are added to its command."""

    binary: Path
    data: Path
    options: tuple[str, ...] = ()
    folder: Path = field(default_factory=valkey.make_socket_folder)
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "s.sock"

    @property
    def url(self) -> str:
        return valkey.store_url(self.socket)

    def start(self, *, wait: bool = True) -> None:
        command = valkey.server_command(self.binary, self.socket, self.data)
        with open(self.data / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=tether(signal.SIGKILL),
            )
        if wait and not valkey.wait_ready(self.socket):
            raise AssertionError((self.data / "server.log").read_text()[-2000:])

    def kill(self) -> None:
        """kill -9; the data folder stays for the next ``start``."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it for good. SIGKILL: its data is worth nothing."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

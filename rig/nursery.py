"""A nursery: processes of ``streamhold`` that begin with their modules already imported.

To import what an API process or a worker needs takes most of a second of a core, and the tests
start hundreds of them. So one process imports it once, and is forked for each. What runs in a fork
is the command itself, with an environment, an output and a session of its own; it ends when the
nursery does, which ends when the tests do.

    Nursery.start ──socket──▶ nursery ──fork──▶ streamhold api …
    Forked.wait ◀──a pipe, with the exit status── nursery
"""

import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import msgspec

from broker.cli.tether import tether

_ROOT = Path(__file__).parent.parent
_START = "import sys; from rig.nursery import serve; serve(int(sys.argv[1]))"
_MODULES = ("broker.cli.main", "broker.cli.api", "broker.cli.worker", "broker.cli.sim")
_STATUS = struct.Struct("i")
_LARGEST = 256 * 1024  # bytes of an order


class Order(msgspec.Struct, frozen=True):
    """A command to run; its output goes to the file ``log``."""

    words: list[str]
    env: dict[str, str]
    log: str


class Forked:
    """A process of the nursery's, as ``subprocess.Popen`` shows one."""

    def __init__(self, words: list[str], pid: int, status: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._words = words
        self._status = status
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not, within so many seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            found = self._look(0.05 if left is None else min(left, 0.05))
            if found is not None:
                return found
            if left == 0.0:
                raise subprocess.TimeoutExpired(self._words, timeout or 0.0)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _look(self, seconds: float) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._status], [], [], seconds)[0]:
                told = os.read(self._status, _STATUS.size)
                os.close(self._status)
                # Without a word the nursery itself has died, and all that it started with it.
                self.returncode = _STATUS.unpack(told)[0] if told else -int(signal.SIGKILL)
            return self.returncode


class Nursery:
    """Starts commands. It takes a second itself, and is started when it is first needed."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self, words: list[str], env: Mapping[str, str], log: Path) -> Forked:
        """Start ``streamhold`` with these words, in this environment and no other."""
        with self._lock:
            if self._socket is None:
                self._socket = self._begin()
            there, here = os.pipe()
            data = msgspec.msgpack.encode(Order(words, dict(env), str(log)))
            socket.send_fds(self._socket, [data], [here])
            os.close(here)
            pid = _STATUS.unpack(self._socket.recv(_STATUS.size))[0]
        return Forked(words, pid, there)

    def close(self) -> None:
        """End the nursery, and what still runs of it."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.wait()

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for each in (ours, theirs):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _LARGEST)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": f"{_ROOT}:{_ROOT / 'clients/python/src'}"},
                preexec_fn=tether(signal.SIGKILL),
            )
        return ours


def serve(number: int) -> None:
    """Be the nursery, over a socket of this file descriptor."""
    for module in _MODULES:
        import_module(module)
    orders = socket.socket(fileno=number)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's, meant for the tests
    running: dict[int, int] = {}  # where to tell the exit status, by process id
    while True:
        readable, _, _ = select.select([number, woken], [], [])
        if woken in readable:
            os.read(woken, 4096)
            _reap(running)
        if number not in readable:
            continue
        data, files, _, _ = socket.recv_fds(orders, _LARGEST, 1)
        if not data:
            return  # the tests have ended; what runs is tethered to this process
        tie = tether(signal.SIGKILL)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            tie()
            for each in (orders.detach(), woken, wake, *files, *running.values()):
                os.close(each)
            _become(msgspec.msgpack.decode(data, type=Order))
            return  # as the command did
        running[pid] = files[0]
        orders.send(_STATUS.pack(pid))


def _reap(running: dict[int, int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        told = running.pop(pid)
        with suppress(BrokenPipeError):  # nobody asks any more
            os.write(told, _STATUS.pack(os.waitstatus_to_exitcode(status)))
        os.close(told)


def _become(order: Order) -> None:
    """Run a command as if this process had been started for it."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    out = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    os.environ.clear()
    os.environ.update(order.env)
    sys.path[:] = [each for each in sys.path if each not in (str(_ROOT),)]
    sys.argv = ["streamhold", *order.words]
    import_module("broker.cli.main").main(prog_name="streamhold")

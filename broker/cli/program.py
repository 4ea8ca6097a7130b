"""The name under which this program can be called again."""

import shlex
import shutil
import sys
from pathlib import Path


def own_name() -> str:
    """How this command is called in the shell that started it."""
    own = Path(sys.executable).parent / "streamhold"
    if not own.exists() or shutil.which("streamhold") == str(own):
        return "streamhold"
    here = Path.cwd()
    return shlex.quote(str(own.relative_to(here) if own.is_relative_to(here) else own))

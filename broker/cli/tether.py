"""Ties a child process to the life of its parent, a parent that is killed -9 included.

Linux delivers the chosen signal to the child when the thread that forked it ends, so fork
from the main thread. macOS has no such call: there a killed parent leaves its children.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def tether(death: signal.Signals) -> Callable[[], None]:
    """A ``preexec_fn`` after which the child gets ``death`` when this process dies."""
    parent = os.getpid()

    def tie() -> None:
        # Between fork and exec: nothing may be imported or loaded here, another thread
        # of the parent may have held any lock.
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death), 0, 0, 0)
        if os.getppid() != parent:  # it died before the call
            os.kill(os.getpid(), death)

    return tie

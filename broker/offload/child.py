"""The child process: takes a task, does it, replies, until its parent is gone.

It runs at a lower priority, so that loops which serve many go first. What it may take of memory
is bounded; one that has grown says so with its reply and ends, and the parent starts another.
"""

import gc
import os
import resource
import signal
import socket
import sys
from pathlib import Path

import msgspec

from broker import log
from broker.errors import StreamholdError, TooLarge, Unexpressible
from broker.offload.channel import Blocking, ChildGone
from broker.offload.protocol import Reply, decode_settings, decode_task, encode_reply
from broker.offload.storage import Storage
from broker.offload.tasks import Failed
from broker.offload.work import Work

_NICE = 10
MEMORY = 11  # times max_body, beside what the child starts with
_GROWN = 4  # times max_body, after which a child ends
_LEAST = 64 * 1024 * 1024  # bytes of it, however small max_body is


def main() -> None:
    """Serve the parent at the file descriptor that the one argument names."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's, meant for the parent
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a drain goes on; it ends when the parent does
    log.configure("offload")
    os.nice(_NICE)
    channel = Blocking(socket.socket(fileno=int(sys.argv[1])))
    try:
        about, _ = channel.receive()
        settings = decode_settings(about)
        work = Work(settings, Storage(settings))
        most = settings.server.max_body
        gc.freeze()
        gc.disable()  # its garbage has no cycles worth the looking, of millions of objects
        base = _bound_memory(max(_LEAST, MEMORY * most))
        leaving = False
        while not leaving:
            leaving = _serve(channel, work, base + max(_LEAST, _GROWN * most))
    except (ChildGone, BrokenPipeError, ConnectionResetError):
        pass


def _serve(channel: Blocking, work: Work, most: int) -> bool:
    """Do one task; whether the child is to end."""
    about, data = channel.receive()
    payload, failed, result = b"", None, None
    broken = False
    try:
        result, payload = work.do(decode_task(about), data)
    except StreamholdError as error:
        losses = error.losses if isinstance(error, Unexpressible) else ()
        failed = Failed(type(error).__name__, error.detail, error.param, losses)
    except MemoryError:
        failed = Failed(TooLarge.__name__, "It takes too much memory to be worked on.")
        broken = True
    except Exception as error:  # noqa: BLE001 - a task's boundary: the parent waits for an answer
        log.warning("offload.defect", error=type(error).__name__, place=_place_of(error))
        failed = Failed(StreamholdError.__name__, "")
    del data
    gc.collect()
    leaving = broken or resident() > most
    raw = msgspec.Raw(msgspec.msgpack.encode(result))
    channel.send(encode_reply(Reply(result=raw, failed=failed, leaving=leaving)), payload)
    return leaving


def _place_of(error: Exception) -> str:
    """Where an error was raised; what it says may hold a caller's text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


def _bound_memory(most: int) -> int:
    """Allow so many bytes more than are in use now; returns the resident ones."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[5])  # data and stack
        limit = pages * resource.getpagesize() + most
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    except (OSError, ValueError, IndexError):  # not Linux
        pass
    return resident()


def resident() -> int:
    """Bytes of memory in use, or 0 where the system doesn't tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0

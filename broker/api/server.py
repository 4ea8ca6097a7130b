"""An API process: hypercorn by program on uvloop, and its drain.

SIGTERM ─▶ draining: not ready, new calls 503, native streams handed back at once
        ─▶ the other streams get ``server.drain`` seconds
        ─▶ hypercorn closes what is left
"""

import asyncio
import os
import resource
import secrets
import signal
import socket
from contextlib import suppress
from typing import Any

import uvloop
from hypercorn.asyncio import serve as hypercorn_serve

from broker import log
from broker.api.app import create_app
from broker.api.connection import Served, install
from broker.api.core import Core
from broker.api.crowd import Crowd
from broker.api.pieces import Pieces
from broker.api.unread import Unread
from broker.errors import StoreAway
from broker.process import prepare
from broker.settings import Server, Settings

_GRACE = 1.0  # seconds that hypercorn gives what the drain has left


def run(settings: Settings, ready_fd: int | None = None) -> None:
    """Serve until asked to stop. ``ready_fd`` gets the port, in decimal and a line feed."""
    log.configure("api")
    prepare()
    uvloop.run(serve(settings, ready_fd))


async def serve(settings: Settings, ready_fd: int | None = None) -> None:
    """One API process's life within a running loop.

    Raises:
        ConfigError: the store's data was made under other settings.
        SystemExit: it ended by a defect.
    """
    core = Core(settings, f"api-{os.getpid()}-{secrets.token_hex(3)}")
    with suppress(StoreAway):  # then the core asks until it answers
        await core.store.layout.check()
    listener = _listen(settings.server)
    crowd = Crowd(resource.getrlimit(resource.RLIMIT_NOFILE)[0], core.metrics.cut)
    config = Served(settings.server, crowd, core.metrics.cut, core.takers.add)
    config.bind = [f"fd://{listener.fileno()}"]
    config.backlog = settings.server.backlog
    config.graceful_timeout = _GRACE
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = None
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_on_loop_error)
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)

    async def drained() -> None:
        await stop.wait()
        log.info("api.draining", streams=len(core.followed))
        await core.drain()
        crowd.end()

    host, port = listener.getsockname()[:2]
    log.info("api.listening", host=host, port=port)
    if ready_fd is not None:
        os.write(ready_fd, f"{port}\n".encode())
        os.close(ready_fd)
    install()
    # hypercorn types its messages more narrowly than starlette
    app: Any = Unread(Pieces(create_app(core)))
    await hypercorn_serve(app, config, shutdown_trigger=drained)
    log.info("api.stopped", port=port)
    if core.failed:
        raise SystemExit(1)


def _on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what no task handled, a cancelled connection apart.

    Some releases of Python 3.11 and 3.12 ask a connection's task for its exception even if
    the server has cancelled it at the end of the drain, and then report the cancellation.

    What a caller's bytes break in the server's own protocol code ends that connection only,
    and is no defect of ours. Such exceptions may hold the caller's headers, keys among them,
    so only their types are logged.
    """
    error = context.get("exception")
    if isinstance(error, asyncio.CancelledError):
        return
    if error is not None and "client_connected_cb" in str(context.get("message")):
        log.warning("connection.broken", errors=_kinds(error))
        return
    loop.default_exception_handler(context)


def _kinds(error: BaseException) -> list[str]:
    """The types of an exception, those of a group one by one."""
    if isinstance(error, BaseExceptionGroup):
        return [kind for inner in error.exceptions for kind in _kinds(inner)]
    return [f"{type(error).__module__}.{type(error).__qualname__}"]


def _listen(server: Server) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    It listens before hypercorn does, so that whoever reads the port can connect at once.
    """
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((server.host.strip("[]"), server.port))
    listener.listen(server.backlog)
    listener.set_inheritable(True)
    return listener

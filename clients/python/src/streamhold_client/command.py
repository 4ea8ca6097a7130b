"""``streamhold-client``: what the package can do without a program of one's own."""

import argparse
import asyncio
import contextlib
import gc
import sys
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING

from streamhold_client.patient import SILENCE
from streamhold_client.proxy.settings import (
    MAX_BODY,
    PATIENCE,
    PING,
    BadAddress,
    Settings,
    broker_at,
)
from streamhold_client.proxy.told import tell

if TYPE_CHECKING:
    from streamhold_client.proxy import server

_NEEDS = "The proxy needs httptools: pip install 'streamhold-client[proxy]'"


def main(arguments: Sequence[str] | None = None, program: str = "streamhold-client") -> int:
    """Run a command; the exit status."""
    parser = argparse.ArgumentParser(program, description="Streams that outlive their connections.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_proxy(commands.add_parser("proxy", help="Carry calls to Streamhold behind a local port."))
    options = parser.parse_args(arguments)
    return run_proxy(options)


def add_proxy(parser: argparse.ArgumentParser) -> None:
    """The options of ``proxy``."""
    parser.description = (
        "Listen on a local port and carry every call to Streamhold over lost connections. "
        "Give programs http://127.0.0.1:PORT as the base URL, with /v1 or without as they want it."
    )
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    add = parser.add_argument
    add("--api", required=True, metavar="URL", help="where Streamhold is")
    add("--port", type=int, default=8081, help="to listen on; 0 takes a free one")
    add("--host", default="127.0.0.1", help="to listen on")
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="answer to this name in Host too, while listening on loopback",
    )
    add(
        "--patience",
        type=_seconds,
        default=PATIENCE,
        metavar="SECONDS",
        help="that one call bears being without the server",
    )
    add(
        "--silence",
        type=_seconds,
        default=SILENCE,
        metavar="SECONDS",
        help="without a byte, after which a stream's connection counts as lost; "
        "more than the server's ping",
    )
    add(
        "--ping",
        type=_seconds,
        default=PING,
        metavar="SECONDS",
        help="between two comment lines in a stream whose server is away",
    )
    add(
        "--on-leave",
        choices=("continue", "cancel"),
        default="continue",
        help="what becomes of a job whose program leaves before its end",
    )
    add(
        "--join",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="for which a call that was left may be met by an equal one; 0 is never",
    )
    add(
        "--max-body",
        type=_bytes,
        default=MAX_BODY,
        metavar="BYTES",
        help="of a request's body, at most",
    )
    add(
        "--drain",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="that open calls may go on after SIGTERM",
    )


def run_proxy(options: argparse.Namespace) -> int:
    """Run the proxy until it is asked to stop; the exit status."""
    try:
        broker = broker_at(options.api)
    except BadAddress as error:
        print(f"--api: {error}", file=sys.stderr)
        return 2
    settings = Settings(
        broker=broker,
        host=options.host,
        port=options.port,
        patience=options.patience,
        silence=options.silence,
        ping=options.ping,
        on_leave=options.on_leave,
        join=options.join,
        max_body=options.max_body,
        drain=options.drain,
        hosts=frozenset(name.lower() for name in options.allow_host),
    )
    try:
        from streamhold_client.proxy import server  # noqa: PLC0415 - it needs the extra
    except ModuleNotFoundError as error:
        if error.name != "httptools":
            raise
        print(_NEEDS, file=sys.stderr)
        return 1
    try:
        _run(server.serve(settings, _listening))
    except server.CantListen as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _listening(proxy: "server.Proxy") -> None:
    host = proxy.settings.host
    shown = f"[{host}]" if ":" in host else host
    tell(f"listening on http://{shown}:{proxy.port} for {proxy.settings.broker.url}")


def _run(serving: Coroutine[None, None, None]) -> None:
    """On uvloop where there is one: it takes two thirds of the CPU."""
    _prepare()
    try:
        import uvloop  # noqa: PLC0415 - there is none for Windows
    except ModuleNotFoundError:
        asyncio.run(serving)
    else:
        uvloop.run(serving)


def _prepare() -> None:
    """Raise the file limit, two a call; spare the collector what was loaded at the start."""
    try:
        import resource  # noqa: PLC0415 - there is none for Windows
    except ModuleNotFoundError:
        pass
    else:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError, OSError):  # macOS: the hard one may be no limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError("not a number of seconds")
    return value


def _bytes(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return value

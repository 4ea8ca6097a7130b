"""The settings of a command: the file, the environment, and the command line over both."""

import os
from ipaddress import ip_address
from typing import Any, TypeVar

import click
from msgspec.structs import replace

from broker.errors import ConfigError
from broker.settings import Settings
from broker.settings.load import load
from broker.settings.providers import missing_libraries

F = TypeVar("F", bound=Any)


def config_option(command: F) -> F:
    """``--config FILE``, or ``STREAMHOLD_CONFIG``."""
    return click.option(
        "--config",
        envvar="STREAMHOLD_CONFIG",
        show_envvar=True,
        metavar="FILE",
        type=click.Path(dir_okay=False),
        help="A streamhold.toml.",
    )(command)


def listen_options(command: F) -> F:
    """``--host``, ``--port`` and ``--no-auth``."""
    command = click.option(
        "--no-auth", is_flag=True, help="Without accounts, listen beyond this machine all the same."
    )(command)
    command = click.option(
        "--port", type=click.IntRange(0, 65535), metavar="PORT", help="0 takes any free port."
    )(command)
    return click.option("--host", metavar="ADDRESS", help="The address to listen on.")(command)


def read_settings(
    config: str | None,
    *,
    host: str | None = None,
    port: int | None = None,
    no_auth: bool = True,
    extra_env: dict[str, str] | None = None,
) -> Settings:
    """The settings, with what the command line says in place of the file's.

    ``extra_env`` is what a child's environment will hold beyond this process's.

    Raises:
        ConfigError: a key is wrong, or the server would be open to everyone unasked.
    """
    settings = load(config, env={**os.environ, **(extra_env or {})})
    server = settings.server
    server = replace(
        server,
        host=server.host if host is None else host,
        port=server.port if port is None else port,
    )
    if not settings.accounts and not no_auth and not is_loopback(server.host):
        raise ConfigError(
            f"There are no accounts, so anyone who reaches {server.host} could spend your keys. "
            "Configure [accounts.NAME], listen on 127.0.0.1, or say --no-auth."
        )
    return replace(settings, server=server)


def need_libraries(settings: Settings) -> None:
    """Before calls are made.

    Raises:
        ConfigError: a provider's library is not installed.
    """
    if missing := missing_libraries(settings):
        raise ConfigError("; ".join(missing))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address; a name counts only if it is localhost."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"

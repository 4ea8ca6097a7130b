"""``streamhold check``: what is wrong with a configuration, or what it says."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import click

from broker.cli.config import config_option
from broker.errors import ConfigError
from broker.settings import Settings
from broker.settings.load import load, problems
from broker.settings.providers import missing_libraries
from broker.settings.warnings import warnings


@click.command()
@config_option
def check(config: str | None) -> None:
    """Say what is wrong with a configuration, by key, or what is likely not meant.

    Exits with 1 if anything is; without a file, the environment alone is checked.
    """
    found = problems(config) if config else []
    if not found:
        try:
            settings = load(config)
        except ConfigError as error:
            found = error.detail.split("; ")
        else:
            found = missing_libraries(settings)
            if not found:
                told = (f"warning: {each}" for each in warnings(settings))
                click.echo("\n".join(("ok", *summary(settings), *told)))
                return
    for problem in found:
        click.echo(problem)
    raise SystemExit(1)


def summary(settings: Settings) -> Iterator[str]:
    """What a configuration says, line by line."""
    yield from providers(settings)
    for model, route in settings.routes.items():
        yield f"route {model}: {', '.join(route.names)}"
    for name, account in settings.accounts.items():
        count = len(account.key_sha256)
        yield f"account {name}: {count} key{'' if count == 1 else 's'}"
    if not settings.providers:
        yield "no providers: nothing can be asked yet"
    if not settings.accounts:
        yield "no accounts: the API listens on loopback only, unless told --no-auth"


def providers(settings: Settings) -> Iterator[str]:
    """Which providers are on, and what switched each on."""
    for name, provider in settings.providers.items():
        key = f"{provider.api_key_env}=***" if name in settings.api_keys else "no key"
        library = [f"through {provider.library}"] if provider.library else []
        address = [_shown(provider.base_url)] if provider.base_url else []
        parts = (provider.dialect, *library, *address, key)
        why = settings.provider_origins.get(name, "the file")
        yield f"provider {name}: {', '.join(parts)} (from {why})"


def _shown(url: str) -> str:
    """The address, its user and password (should it hold any) left out."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

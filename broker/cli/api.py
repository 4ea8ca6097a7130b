"""``streamhold api``: one API process."""

import click

from broker import log
from broker.api.server import run
from broker.cli.config import config_option, is_loopback, listen_options, read_settings


@click.command()
@config_option
@listen_options
def api(config: str | None, host: str | None, port: int | None, no_auth: bool) -> None:
    """Run one API process.

    The store's address is taken from STREAMHOLD_STORE_URL (redis://, rediss:// or unix://).
    Without accounts it listens on loopback only, unless told --no-auth.
    """
    settings = read_settings(config, host=host, port=port, no_auth=no_auth)
    if not settings.accounts:
        log.configure("api")
        whom = "this machine only" if is_loopback(settings.server.host) else "everyone"
        log.warning("api.no_accounts", host=settings.server.host, open_to=whom)
    run(settings)

"""``streamhold worker``: one worker process."""

import click

from broker.cli.config import config_option, need_libraries, read_settings
from workers.main import run


@click.command()
@config_option
def worker(config: str | None) -> None:
    """Run one worker process.

    The store's address is taken from STREAMHOLD_STORE_URL (redis://, rediss:// or unix://).
    """
    settings = read_settings(config)
    need_libraries(settings)
    run(settings)

"""``streamhold up``: everything on one machine, by one command.

What runs, in the order of the start: the embedded store; the simulated provider, unless a
configuration names real ones; then API and worker processes. See ``supervisor`` for how.
"""

import asyncio
import os
import secrets
import shlex
import sys
from contextlib import closing
from pathlib import Path

import click
import msgspec

from broker import log
from broker.cli import deployment
from broker.cli.check import providers
from broker.cli.config import (
    config_option,
    is_loopback,
    listen_options,
    need_libraries,
    read_settings,
)
from broker.cli.data import DataFolder
from broker.cli.deployment import Deployment
from broker.cli.program import own_name
from broker.cli.supervisor import Supervisor
from broker.process import raise_file_limit
from broker.settings import Settings
from broker.settings.patterns import STAR

_SAMPLE_MODEL = "sim/tokens=40,interval=50ms"


@click.command()
@config_option
@listen_options
@click.option("--workers", default=1, type=click.IntRange(1), show_default=True, metavar="N")
@click.option(
    "--apis",
    default=1,
    type=click.IntRange(1),
    show_default=True,
    metavar="N",
    help="API processes; they listen on consecutive ports.",
)
@click.option(
    "--data-dir",
    default=lambda: _data_home() / "streamhold",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the embedded store keeps its data.  [default: ~/.local/share/streamhold]",
)
@click.option(
    "--state-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep addresses and process ids in this JSON file.",
)
def up(
    config: str | None,
    host: str | None,
    port: int | None,
    no_auth: bool,
    workers: int,
    apis: int,
    data_dir: Path,
    state_file: Path | None,
) -> None:
    """Run everything on this machine: store, API, worker, simulated provider.

    Without --config the simulated provider answers, and any provider whose key is in the
    environment (OPENAI_API_KEY and the like). What dies is started again. Ctrl-C drains;
    a second one hurries.
    """
    log.configure("up")
    sim_url = None if config else deployment.sim_address()
    extra_env = {"STREAMHOLD_SIM_URL": sim_url} if sim_url else {}
    settings = read_settings(config, host=host, port=port, no_auth=no_auth, extra_env=extra_env)
    need_libraries(settings)
    if not settings.providers:
        log.warning("up.no_providers")
    raise_file_limit()  # the children inherit it; a reader is a file each
    ports = deployment.find_ports(settings.server.host, settings.server.port, apis)
    with closing(DataFolder(data_dir)) as data:
        asyncio.run(
            _run(
                Deployment(
                    settings=settings,
                    data=data,
                    ports=ports,
                    workers=workers,
                    config=config,
                    sim_url=sim_url,
                ),
                state_file,
            )
        )


async def _run(deployment: Deployment, state_file: Path | None) -> None:
    def write_state() -> None:
        if state_file is not None:
            deployment.write_state(state_file, supervisor.pids)

    def announce() -> None:
        for url in deployment.urls:
            click.echo(f"streamhold listening on {url}")
        if not deployment.settings.accounts:
            local = is_loopback(deployment.settings.server.host)
            click.echo(f"open to {'this machine only' if local else 'EVERYONE'}: no accounts")
        for line in providers(deployment.settings):
            click.echo(line)
        click.echo(_tour(deployment.urls[0], deployment.settings))
        sys.stdout.flush()

    supervisor = Supervisor(deployment.groups(), write_state)
    supervisor.listen_for_signals()
    await supervisor.run(announce)


def _tour(url: str, settings: Settings) -> str:
    """What to try first: a stream, and the same stream again by its request id."""
    named = (name for name in settings.routes if STAR not in name)
    models = [*named, *(f"{name}/MODEL" for name in settings.providers), "MODEL"]
    model = _SAMPLE_MODEL if "sim" in settings.providers else models[0]
    request_id = f"try-{secrets.token_hex(3)}"
    header = "-H 'authorization: Bearer KEY' " if settings.accounts else ""
    variable = "STREAMHOLD_API_KEY=KEY " if settings.accounts else ""
    prompt = {"role": "user", "content": "Tell me a story."}
    body = msgspec.json.encode({"model": model, "stream": True, "messages": [prompt]}).decode()
    return (
        "\nTry a stream; cut it, and run the same line again:\n\n"
        f"  curl -N {url}/v1/chat/completions {header}-H 'content-type: application/json' "
        f"-H 'idempotency-key: {request_id}' -d {shlex.quote(body)}\n\n"
        "Follow the same job from anywhere, at any time:\n\n"
        f"  {variable}{own_name()} tail {request_id} --api {url}\n"
    )


def _data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")

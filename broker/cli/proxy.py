"""``streamhold proxy``: the client package's resuming proxy, where the server is installed."""

import sys
from importlib import import_module
from pathlib import Path

import click

_IN_A_CLONE = Path(__file__).parents[2] / "clients" / "python" / "src"


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.pass_context
def proxy(ctx: click.Context) -> None:
    """Carry calls over lost connections, behind a local port."""
    if _IN_A_CLONE.is_dir():
        sys.path.insert(0, str(_IN_A_CLONE))  # the one that belongs to this server
    try:
        command = import_module("streamhold_client.command")
    except ModuleNotFoundError as error:
        if error.name != "streamhold_client":
            raise
        raise click.ClickException(
            "The client package is not installed: pip install 'streamhold-client[proxy]'"
        ) from None
    ctx.exit(command.main(["proxy", *ctx.args], "streamhold"))

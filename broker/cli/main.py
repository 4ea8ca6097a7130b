"""``streamhold``: the commands, each loaded only when it runs.

The API's and the worker's imports take a good part of a second together; ``tail`` or
``--help`` shall not pay for them, so the one-line help stands here.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import click

from broker.errors import ConfigError, StartFailed

# Command: (module of this package, name in it, one line of help).
COMMANDS: dict[str, tuple[str, str, str]] = {
    "up": ("up", "up", "Run everything on this machine: store, API, worker, simulated provider."),
    "api": ("api", "api", "Run one API process."),
    "worker": ("worker", "worker", "Run one worker process."),
    "sim": ("sim", "sim", "Run the simulated provider."),
    "proxy": (
        "proxy",
        "proxy",
        "Carry calls over lost connections, behind a local port.",
    ),
    "check": ("check", "check", "Say what is wrong with a configuration, by key."),
    "submit": ("stream", "submit", "Submit a prompt and stream the answer."),
    "tail": ("stream", "tail", "Follow a job's stream, from any cursor."),
    "status": ("jobs", "status", "Show a job."),
    "cancel": ("jobs", "cancel", "Cancel a job."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"broker.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise _BadConfiguration(error.message) from error
        except StartFailed as error:
            raise click.ClickException(error.message) from error


class _BadConfiguration(click.ClickException):
    exit_code = 2


def _version() -> str:
    try:
        return version("streamhold")
    except PackageNotFoundError:  # run from a clone
        return "(from a clone)"


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="streamhold")
def main() -> None:
    """A durable stream broker for LLM inference."""

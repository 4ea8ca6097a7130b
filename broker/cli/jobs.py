"""``streamhold status`` and ``streamhold cancel``: one job, by its request id."""

import asyncio
from typing import Any

import click
import msgspec

from broker.cli.client import Client, api_options, job_path


@click.command()
@click.argument("request_id")
@api_options
def status(request_id: str, api: str, key: str | None) -> None:
    """Show a job: state, attempts, cursor, usage, error, times."""
    _print(asyncio.run(_call(api, key, "GET", job_path(request_id))))


@click.command()
@click.argument("request_id")
@api_options
def cancel(request_id: str, api: str, key: str | None) -> None:
    """Cancel a job; what it has streamed so far stays readable."""
    _print(asyncio.run(_call(api, key, "POST", f"{job_path(request_id)}/cancel")))


async def _call(api: str, key: str | None, method: str, path: str) -> Any:
    async with Client(api, key) as client:
        return await client.call(method, path)


def _print(job: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(job)))

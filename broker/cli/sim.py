"""``streamhold sim``: the simulated provider."""

import click

from sim import server


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="0 takes any free port.")
def sim(host: str, port: int) -> None:
    """Run the simulated provider: OpenAI-shaped chunks over real SSE, nothing to pay.

    Its address is a provider's base_url, or STREAMHOLD_SIM_URL for a provider named sim.
    """
    shown = f"[{host}]" if ":" in host else host
    try:
        server.run(
            host, port, ready=lambda port: click.echo(f"sim listening on http://{shown}:{port}/v1")
        )
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error

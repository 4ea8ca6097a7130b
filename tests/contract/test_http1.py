"""A plain socket speaks HTTP/1.1: asked for HTTP/2 in either way, it answers all the same."""

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.contract.raw import fetch
from tests.deployment import Deployment

UPGRADE = {"connection": "upgrade, http2-settings", "upgrade": "h2c"}


@pytest.mark.parametrize("settings", ["AAMAAABkAAQAAP__", "///"])
async def test_an_upgrade_is_not_taken(deployment: Deployment, settings: str) -> None:
    """And a caller that sends no more behind it is let go: ``fetch`` waits for the end."""
    headers = {**UPGRADE, "http2-settings": settings}
    url = f"{deployment.urls[0]}/healthz"
    response, body = await fetch("GET", url, headers=headers, eof=True)
    assert (response.status, body) == (200, b'{"status":"ok"}')


async def test_a_preface_is_not_taken(deployment: Deployment) -> None:
    parts = urlsplit(deployment.urls[0])
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
    async with asyncio.timeout(20):
        received = await reader.read()
    writer.close()
    assert received.startswith(b"HTTP/1.1 4"), received

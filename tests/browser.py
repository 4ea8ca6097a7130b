"""A real browser, headless, at a page of a test's own: what the page tells comes back here.

``*.localhost`` leads Chromium to loopback, so a page can have any such origin, none of which
is loopback's own to a server that goes by names.
"""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

from aiohttp import web

from broker.cli.tether import tether
from tests.node import JS

PATIENCE = 40.0  # seconds for anything that a page tells, its browser's start included
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
)
_START = b"""<!doctype html><meta charset="utf-8"><script>
const tell = (what, value) => fetch("/told/" + what, {method: "POST", body: JSON.stringify(value)})
onerror = (message) => tell("broken", message)
onunhandledrejection = (event) => tell("broken", String(event.reason))
"""


class Page:
    """One page, on a port of its own under every name that ends in ``localhost``.

    Its script tells with ``tell(what, value)``; ``told(what)`` waits for that. Under ``/js/`` it
    can import what is in ``clients/js``, the packages that are installed there included.
    """

    def __init__(self, folder: Path, chromium: Path) -> None:
        self.port = 0
        self._script = b""
        self._told: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._folder = folder
        self._chromium = chromium
        self._browsers: list[asyncio.subprocess.Process] = []
        app = web.Application()
        app.router.add_get("/", self._show)
        app.router.add_post("/told/{what}", self._hear)
        app.router.add_get("/js/{file:.+}", self._module)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    def origin(self, name: str) -> str:
        return f"http://{name}.localhost:{self.port}"

    async def open(self, name: str, script: str) -> None:
        """Start a browser, with nothing remembered, at the page under this name."""
        self._script = script.encode()
        profile = self._folder / f"profile-{len(self._browsers)}"
        browser = await asyncio.create_subprocess_exec(
            *(str(self._chromium), *_FLAGS, f"--user-data-dir={profile}", self.origin(name)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,  # long complaints of a missing desktop
            env={"PATH": "/usr/bin:/bin", "HOME": str(self._folder)},
            preexec_fn=tether(signal.SIGKILL),
        )
        self._browsers.append(browser)

    async def told(self, what: str) -> Any:
        """What the page tells next, which must be this."""
        async with asyncio.timeout(PATIENCE):
            said, value = await self._told.get()
        assert said == what, (said, value)
        return value

    async def close(self) -> None:
        for browser in self._browsers:
            browser.terminate()
            await browser.wait()
        await self._runner.cleanup()

    async def _show(self, request: web.Request) -> web.Response:
        body = _START + self._script + b"</script>"
        return web.Response(body=body, content_type="text/html")

    async def _module(self, request: web.Request) -> web.Response:
        file = (JS / request.match_info["file"]).read_bytes()
        return web.Response(body=file, content_type="text/javascript")

    async def _hear(self, request: web.Request) -> web.Response:
        await self._told.put((request.match_info["what"], json.loads(await request.read())))
        return web.Response(status=204)

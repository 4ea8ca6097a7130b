"""Debian's nginx with the committed configuration, two small SSE servers or real ones behind it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events
from aiohttp import web

from broker.cli.deployment import find_ports
from broker.cli.tether import tether
from tests.conftest import require

CONF = Path(__file__).parents[2] / "deploy" / "nginx.conf"


class Upstream:
    """An API process's stand-in: streams what it is told to, notes what it is asked."""

    def __init__(self, opened: "asyncio.Queue[Stream]") -> None:
        self.requests: list[web.Request] = []
        self._opened = opened
        self.status = 200
        self.dies = False  # close the connection without an answer
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.requests.append(request)
        if self.dies and request.transport is not None:
            request.transport.abort()
        if self.status != 200 or not request.path.endswith("/events"):
            return web.json_response({"port": self.port}, status=self.status)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        stream = Stream(request, response, self)
        await self._opened.put(stream)
        try:
            await stream.finished.wait()
        finally:
            stream.left.set()
        return response


class Stream:
    """One open stream of an upstream."""

    def __init__(
        self, request: web.Request, response: web.StreamResponse, upstream: Upstream
    ) -> None:
        self.request = request
        self.upstream = upstream
        self.finished = asyncio.Event()
        self.left = asyncio.Event()
        self._response = response

    async def send(self, number: int) -> None:
        await self._response.write(f"id: {number}\ndata: {{}}\n\n".encode())

    def cut(self) -> None:
        """End it as a killed process does: without the last chunk."""
        assert self.request.transport is not None
        self.request.transport.abort()


class Proxy:
    """nginx with the committed configuration: only addresses and paths are put in.

    ``behind`` are the ports of two API processes; without them there are two ``upstreams``.
    """

    def __init__(self, folder: Path, ports: tuple[int, int], behind: Sequence[int] = ()) -> None:
        self.port, self.tls_port = ports
        self.opened: asyncio.Queue[Stream] = asyncio.Queue()
        self.upstreams = [] if behind else [Upstream(self.opened), Upstream(self.opened)]
        self._behind = behind
        self._folder = folder
        self.conf = folder / "nginx.conf"
        self.logs = [folder / "access.log", folder / "error.log"]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the upstreams and nginx; it listens when this returns."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        for upstream in self.upstreams:
            await upstream.start()
        self._write_configuration()
        words = ["-e", "stderr", "-g", "daemon off;", "-c", str(self.conf)]
        self._process = await asyncio.create_subprocess_exec(
            str(require("nginx")), *words, preexec_fn=tether(signal.SIGTERM)
        )
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.tls_port)
            except ConnectionRefusedError:
                assert self._process.returncode is None, "nginx refused its configuration"
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        for upstream in self.upstreams:
            await upstream.stop()

    def _write_configuration(self) -> None:
        folder = self._folder
        first, second = self._behind or [upstream.port for upstream in self.upstreams]
        temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        changes = {
            "server api-1:8080": f"server 127.0.0.1:{first}",
            "server api-2:8080": f"server 127.0.0.1:{second}",
            "listen 8080;": f"listen 127.0.0.1:{self.port};",
            "listen 8443 ": f"listen 127.0.0.1:{self.tls_port} ",
            "/etc/nginx/certs": str(folder),
            "worker_processes auto;": f"worker_processes 1; pid {folder}/pid;",
            "/dev/stdout": f"{folder}/access.log",
            "/dev/stderr": f"{folder}/error.log",
            "http {": "http {"
            + "".join(f" {kind}_temp_path {folder}/{kind};" for kind in temporary),
        }
        text = CONF.read_text()
        for old, new in changes.items():
            assert old in text, f"nginx.conf has no {old!r}"
            text = text.replace(old, new)
        self.conf.write_text(text)


@asynccontextmanager
async def before(urls: Sequence[str], folder: Path) -> AsyncIterator[Proxy]:
    """nginx before two API processes while the block runs; its files are in ``folder``."""
    require("nginx")
    words = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    openssl = await asyncio.create_subprocess_exec(
        str(require("openssl")), "req", "-x509", *words, *files, stderr=asyncio.subprocess.DEVNULL
    )
    assert await openssl.wait() == 0
    plain, tls = find_ports("127.0.0.1", 0, 2)
    proxy = Proxy(folder, (plain, tls), [urlsplit(url).port or 0 for url in urls])
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


class Http2:
    """One GET over HTTP/2, as a browser makes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._events: list[h2.events.Event] = []
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))

    async def get(self, path: str, authority: str, **headers: str) -> dict[str, str]:
        """Ask, and return the answer's headers."""
        self._h2.initiate_connection()
        fields = {":method": "GET", ":scheme": "https", ":path": path, ":authority": authority}
        self._h2.send_headers(1, [*fields.items(), *headers.items()], end_stream=True)
        answer = await self._next(h2.events.ResponseReceived)
        return dict(answer.headers)

    async def data(self) -> bytes:
        """What arrives next."""
        received: bytes = (await self._next(h2.events.DataReceived)).data
        return received

    async def _next(self, kind: type[Any]) -> Any:
        """The next event of this kind; those before it are passed over."""
        while True:
            while self._events:
                event = self._events.pop(0)
                if isinstance(event, kind):
                    return event
            self._writer.write(self._h2.data_to_send())
            chunk = await self._reader.read(65536)
            assert chunk, "nginx closed the connection"
            self._events += self._h2.receive_data(chunk)

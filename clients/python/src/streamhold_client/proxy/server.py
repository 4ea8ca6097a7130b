"""The proxy: it listens, and ends when it is asked to.

SIGTERM ─▶ no new connections, no second request on an old one
        ─▶ open calls get ``drain`` seconds ─▶ what is left is cut, never ended as if it were whole
"""

import asyncio
import secrets
import signal
from collections.abc import Callable, Coroutine
from urllib.parse import quote, urlsplit

from streamhold_client.proxy import heads, refusals
from streamhold_client.proxy.client import Client
from streamhold_client.proxy.exchange import Exchange, GaveUp
from streamhold_client.proxy.hosts import is_loopback, is_own
from streamhold_client.proxy.losses import FAULTS, Broken, Lost, Silent
from streamhold_client.proxy.orphans import Orphans
from streamhold_client.proxy.pool import Pool
from streamhold_client.proxy.refusals import Refusal
from streamhold_client.proxy.request import Headers, Request
from streamhold_client.proxy.settings import Settings
from streamhold_client.proxy.told import Told, tell

_BACKLOG = 4096
_CANCELS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # seconds before each try


class CantListen(Exception):
    """The address is taken, or not this machine's."""


class Proxy:
    """What all calls share. ``met``: whether the server is Streamhold; None until it is known."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.name = f"streamhold-{secrets.token_hex(6)}"
        self.met: bool | None = None
        self.pool = Pool(settings.broker)
        self.orphans = Orphans()
        self.told = Told(settings.broker.url)
        self.port = 0
        self._clients: set[Client] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False  # what leaves now has not left by itself
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises CantListen."""
        settings = self.settings
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: Client(self._serve, settings.max_body, self._clients),
                settings.host,
                settings.port,
                backlog=_BACKLOG,
            )
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CantListen(f"can't listen on {settings.host}:{settings.port}: {reason}") from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Take nothing new, let what is open go on for a while, and end."""
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.close_idle()
        ends = [client.done() for client in self._clients]
        if ends:
            await asyncio.wait(map(asyncio.ensure_future, ends), timeout=self.settings.drain)
        self._stopping = True
        for client in list(self._clients):
            client.abort()
        await asyncio.sleep(0)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        self.told.flush()
        self.pool.close()

    def meet(self, streamhold: bool) -> None:
        """A good answer has shown whether it is Streamhold's."""
        if self.met is not streamhold:
            self.met = streamhold
            if not streamhold:
                tell(
                    f"{self.settings.broker.url} is not Streamhold (it gives no key back): "
                    "calls are passed on, and nothing is made again"
                )

    # ── One request ──────────────────────────────────────────────────────────────────────

    async def _serve(self, request: Request, client: Client) -> None:
        refusal = request.refusal or self._refused(request)
        if refusal is not None:
            client.refuse(refusal)
            return
        exchange = Exchange(self, request, client)
        try:
            await exchange.run()
        except asyncio.CancelledError:
            if not self._stopping:
                exchange.left()
            raise
        except GaveUp as error:
            _fail(client, refusals.away(str(error)))
        except (Lost, Silent, Broken) as error:
            _fail(client, refusals.broken(str(error)))
        except Exception as error:  # noqa: BLE001 - one call's, and the others go on
            where = error.__traceback__
            while where is not None and where.tb_next is not None:
                where = where.tb_next
            place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else ""
            tell(f"a defect: {type(error).__name__} at {place}")
            _fail(client, refusals.DEFECT)
        finally:
            exchange.close()

    def _refused(self, request: Request) -> Refusal | None:
        """What the proxy itself has against a request, whose target is put into its usual form."""
        if request.method == b"CONNECT":
            return refusals.NO_TUNNEL
        host = request.header(b"host")
        if not request.target.startswith(b"/"):
            parts = urlsplit(request.target.decode("latin1"))
            if parts.scheme != "http" or not parts.netloc:
                return refusals.BAD_TARGET
            host = parts.netloc
            query = f"?{parts.query}" if parts.query else ""
            request.target = f"{parts.path or '/'}{query}".encode("latin1")
        if is_loopback(self.settings.host) and not is_own(host, self.settings.hosts):
            return refusals.BAD_HOST
        if (request.header(b"upgrade") or "").lower() == "websocket" and request.upgrades:
            return refusals.NO_SOCKET
        if self.name in (request.header(b"via") or ""):
            return refusals.LOOP
        return None

    # ── Cancelling ───────────────────────────────────────────────────────────────────────

    def cancel(self, key: str, headers: Headers, join: float) -> None:
        """Cancel a job whose program has left, unless another call joins it in so many seconds."""
        self._spawn(self._cancel(key, headers, join))

    async def _cancel(self, key: str, headers: Headers, join: float) -> None:
        if join > 0:
            await asyncio.sleep(join)
            if not self.orphans.drop(key):
                return  # an equal call has taken it over, and may leave it in its turn
        broker = self.settings.broker
        target = f"{broker.prefix}/v1/jobs/{quote(key, safe=':')}/cancel".encode()
        head = heads.asked(b"POST", target, headers, {b"host": broker.authority.encode()}, 0)
        for pause in _CANCELS:
            await asyncio.sleep(pause)
            try:
                answer = await self.pool.ask(head, silence=self.settings.silence)
            except FAULTS.failed:
                continue
            status = answer.status_code
            answer.close()
            # 404: the call may still be on its way
            if status < 500 and status not in (404, 408, 425, 429):
                return
        tell(f"{key} could not be cancelled")

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _fail(client: Client, refusal: Refusal) -> None:
    """Say so, or cut off what has begun."""
    if client.begun:
        client.cut()
    else:
        client.refuse(refusal)


async def serve(settings: Settings, ready: Callable[[Proxy], None]) -> None:
    """Run until asked to stop; ``ready`` is called once it listens.

    Raises:
        CantListen: it can't.
    """
    proxy, stop = Proxy(settings), asyncio.Event()
    await proxy.start()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    ready(proxy)
    await stop.wait()
    await proxy.stop()

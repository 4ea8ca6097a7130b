"""The deployment under test: its processes, and a proxy in front of everything they talk to.

    caller ─▶ caller-api-N ─▶ API process N ─▶ api-N-store ───────▶ store
                              worker N ──────▶ worker-N-store ────▶ store
                              worker N ──────▶ worker-N-provider ─▶ provider

Every process has its own proxied store address, every worker a configuration of its own in
which the providers are behind its own proxy. What dies is started again by whoever killed it.
"""

import asyncio
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from broker.cli import valkey
from broker.settings.load import load
from broker.store import Store, open_store
from rig.cluster import key
from rig.store_server import StoreServer
from tests.soak import course
from tests.soak.part import Part
from tests.soak.plan import APIS, LINKS, STORE, WORKERS
from tests.soak.proxy import Link

_LISTENING = r'"api.listening".*"port":(\d+)'
_STARTED = r'("worker.started")'
_DEFECT = re.compile(r'"level":"(error|critical)"|^Traceback|was never awaited|never retrieved')


class Fleet:
    """Started by ``start``, ended by ``close``; every part by its own id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        data = folder / "store"
        data.mkdir()
        self.store = StoreServer(valkey.find_binary(), data)
        self.links = {name: Link(name) for name in LINKS}
        self.parts: dict[str, Part] = {}
        self._env = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
        self.sim = Part("sim", ["sim"], folder, self._env)
        self.sim_url = ""
        self._view: Store | None = None

    async def start(self) -> None:
        """Start all; returns once every API process listens and every worker takes jobs."""
        await self.start_store()
        self.sim.start()
        self.sim_url = await self.sim.until_said(r"sim listening on (\S+)/v1") or ""
        assert self.sim_url, "the simulated provider did not start"
        provider = urlsplit(self.sim_url)
        for name, link in self.links.items():
            if name.endswith("-store"):
                link.upstream = self.store.socket
            elif name.endswith("-provider"):
                link.upstream = (provider.hostname or "", provider.port or 0)
            await link.start()
        for number in range(WORKERS):
            self._add(f"worker-{number}", self._provider_url(number), ["worker"])
        for number in range(APIS):
            self._add(f"api-{number}", self._provider_url(0), ["api", "--port", "0"])
        await asyncio.gather(*(self.start_part(name) for name in self.parts))

    def _provider_url(self, worker: int) -> str:
        return f"http://127.0.0.1:{self.links[f'worker-{worker}-provider'].port}/v1"

    def _add(self, name: str, provider_url: str, words: list[str]) -> None:
        config = self.folder / f"{name}.toml"
        config.write_text(course.render(provider_url))
        store_url = f"redis://127.0.0.1:{self.links[f'{name}-store'].port}/0"
        env = {**self._env, "STREAMHOLD_STORE_URL": store_url}
        words = [words[0], "--config", str(config), *words[1:]]
        self.parts[name] = Part(name, words, self.folder, env)

    async def start_part(self, name: str) -> None:
        """Start an API process or worker; returns once it is open, or has ended."""
        part = self.parts[name]
        part.start()
        if name.startswith("worker"):
            await part.until_said(_STARTED)
            return
        port = await part.until_said(_LISTENING)
        if port is not None:
            self.links[f"caller-{name}"].upstream = ("127.0.0.1", int(port))

    async def start_store(self) -> None:
        self.store.start(wait=False)  # here and not in a thread: it is tethered to ours
        while not await asyncio.to_thread(valkey.wait_ready, self.store.socket):
            assert self.store_running, "the store did not start"

    @property
    def store_running(self) -> bool:
        return self.store.process is not None and self.store.process.poll() is None

    @property
    def urls(self) -> list[str]:
        """Where callers reach the API processes: behind proxies, the same for the whole run."""
        return [f"http://127.0.0.1:{self.links[f'caller-api-{n}'].port}" for n in range(APIS)]

    def open(self, name: str) -> bool:
        """Whether the part, ``store`` included, is running."""
        return self.store_running if name == STORE else self.parts[name].running

    def defects(self) -> list[tuple[str, str]]:
        """(log, line) of every log line that says that something is wrong with us."""
        return [
            (log.stem, line)
            for log in sorted(self.folder.glob("*.log"))
            for line in log.read_text(errors="replace").splitlines()
            if _DEFECT.search(line)
        ]

    def said(self, event: str) -> int:
        """How often all logs name this event."""
        word = f'"event":"{event}"'
        return sum(log.read_text(errors="replace").count(word) for log in self.folder.glob("*.log"))

    async def losses(self, job: str) -> int:
        """How many leases of a job have expired: the store's own count, shown nowhere else."""
        if self._view is None:
            env = {"STREAMHOLD_STORE_URL": self.store.url}  # past every proxy
            self._view = open_store(load(self.folder / "api-0.toml", env), "soak")
        return (await self._view.jobs.get(key(job))).losses

    async def close(self) -> None:
        if self._view is not None:
            await self._view.close()
        for part in (*self.parts.values(), self.sim):
            part.close()
        for link in self.links.values():
            with suppress(OSError):
                await link.close()
        if self.store_running:
            self.store.resume()
        self.store.close()

"""A deployment whose every process is under control: a store, APIs, workers, one provider.

Unlike ``up`` nothing is started again by itself: a process that a test kills stays dead until
the test starts another. Signals go to a process by its place in ``apis`` or ``workers``.
"""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import aiohttp

from broker.cli import valkey
from broker.model import Job, job_key
from broker.settings.load import load
from broker.store import Store, open_store
from rig.program import Program
from rig.store_server import StoreServer

WAIT = 30.0  # seconds that a condition may take where no promise says how long
_LOOK = 0.02  # seconds between two looks at a condition
_ACCOUNT = "default"  # everyone's, without accounts


async def until(condition: Callable[[], Any], seconds: float = WAIT) -> None:
    """Return once the condition holds; it may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if asyncio.iscoroutine(held):
                held = await held
            if held:
                return
            await asyncio.sleep(_LOOK)


class Cluster:
    """The processes, what their provider counted, and the records of their jobs.

    In ``config`` the text SIM_URL stands for the simulated provider's address.
    """

    def __init__(
        self,
        folder: Path,
        config: str = "",
        make_store: Callable[[Path, Path], StoreServer] = StoreServer,
    ) -> None:
        self.folder = folder
        self.apis: list[Program] = []
        self.workers: list[Program] = []
        self.proxies: list[Program] = []
        self.urls: list[str] = []
        self.sim_url = ""  # the provider's, as its clients take it
        data = folder / "store"
        data.mkdir()
        self.server = make_store(valkey.find_binary(), data)
        self._config = folder / "streamhold.toml"
        self._config_text = config
        self._env = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
        self.sim = Program(["sim"], folder / "sim.log", self._env)
        self._store: Store | None = None
        self._watch: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self, *, apis: int, workers: int) -> None:
        """Start all; returns once every API process is ready."""
        self.server.start()
        self.sim_url = sim_url = self.sim.wait_for(r"sim listening on (\S+)")
        self._config.write_text(self._config_text.replace("SIM_URL", sim_url))
        self._env |= {"STREAMHOLD_STORE_URL": self.server.url, "STREAMHOLD_SIM_URL": sim_url}
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._store = open_store(load(self._config, self._env), "test")
        self._watch = asyncio.create_task(self._store.connections.watch())
        self._counts = sim_url.removesuffix("/v1") + "/sim/calls"
        for _ in range(workers):
            self._spawn_worker()
        for _ in range(apis):
            self._spawn_api()
        for worker in self.workers:
            worker.wait_for("worker.started")
        for index in range(apis):
            await self._find_api(index)

    async def add_worker(self) -> None:
        """One worker more; returns once it has started."""
        await asyncio.to_thread(self._spawn_worker().wait_for, "worker.started")

    async def add_api(self) -> None:
        """One API process more; returns once it is ready, which needs a worker."""
        self._spawn_api()
        await self._find_api(len(self.apis) - 1)

    async def restart_api(self, index: int) -> None:
        """Start an API process that has ended again, on its port; returns once it is ready."""
        port = self.urls[index].rpartition(":")[2]
        self.apis[index] = self._spawn("api", index, "--port", port)
        await self._until_ready(index)

    async def proxy(self, api: str, *options: str) -> str:
        """The base URL of a new ``streamhold proxy`` before an API's address."""
        log = self.folder / f"proxy-{len(self.proxies)}.log"
        words = ["proxy", "--api", api, "--port", "0", *options]
        self.proxies.append(Program(words, log, self._env))
        return await asyncio.to_thread(self.proxies[-1].wait_for, r"listening on (\S+) ")

    def _spawn_worker(self) -> Program:
        worker = self._spawn("worker", len(self.workers))
        self.workers.append(worker)
        return worker

    def _spawn_api(self) -> None:
        self.apis.append(self._spawn("api", len(self.apis), "--port", "0"))

    def _spawn(self, command: str, index: int, *options: str) -> Program:
        log = self.folder / f"{command}-{index}.log"
        words = [command, "--config", str(self._config), *options]
        return Program(words, log, self._env)

    async def _find_api(self, index: int) -> None:
        listening = r'"api.listening".*"port":(\d+)'
        port = await asyncio.to_thread(self.apis[index].wait_for, listening)
        self.urls.append(f"http://127.0.0.1:{port}")
        await self._until_ready(index)

    async def _until_ready(self, index: int) -> None:
        async def ready() -> bool:
            try:
                async with self.session.get(f"{self.urls[index]}/readyz") as response:
                    return response.status == 200
            except aiohttp.ClientConnectionError:
                return False

        await until(ready)

    @property
    def session(self) -> aiohttp.ClientSession:
        """For calls of the test's own."""
        assert self._session is not None
        return self._session

    @property
    def store(self) -> Store:
        """The test's own view of the store."""
        assert self._store is not None
        return self._store

    # ── Faults ────────────────────────────────────────────────────────────────────────

    def signal_api(self, index: int, signum: signal.Signals) -> None:
        _signal(self.apis[index], signum)

    def signal_worker(self, index: int, signum: signal.Signals) -> None:
        _signal(self.workers[index], signum)

    async def exited(self, program: Program, seconds: float = WAIT) -> None:
        """Return once it has ended; fails unless that was with 0."""
        status = await asyncio.to_thread(program.process.wait, seconds)
        assert status == 0, program.log.read_text()[-2000:]

    def kill_everything(self) -> None:
        """kill -9 of the store and of all our processes at once; not of the provider."""
        programs = [p for p in (*self.apis, *self.workers) if p.process.poll() is None]
        for program in programs:
            program.process.kill()
        self.server.kill()
        for program in programs:
            program.process.wait()

    # ── Calls ─────────────────────────────────────────────────────────────────────────

    async def submit(self, prompt: str, model: str, api: int = 0) -> None:
        """Make a job whose request id is the prompt."""
        body = {"request_id": prompt, "request": ask(model, prompt)}
        async with self.session.post(f"{self.urls[api]}/v1/jobs", json=body) as response:
            assert response.status == 202, await response.text()

    async def submit_all(self, name: str, model: str, count: int) -> list[str]:
        """Make so many jobs, by every API process in turn; their prompts."""
        prompts = [f"{name}-{number}" for number in range(count)]
        await asyncio.gather(
            *(self.submit(p, model, n % len(self.urls)) for n, p in enumerate(prompts))
        )
        return prompts

    # ── Evidence ──────────────────────────────────────────────────────────────────────

    async def sim_counts(self) -> dict[str, Any]:
        """What the provider counted: total, active, aborted, by_model, by_prompt."""
        async with self.session.get(self._counts) as response:
            counts: dict[str, Any] = await response.json()
            return counts

    async def sim_calls(self, prompt: str) -> int:
        """How often the provider was called with this prompt."""
        return int((await self.sim_counts())["by_prompt"].get(prompt, 0))

    async def metric(self, series: str, api: int = 0) -> float:
        """A series, named with its labels, as an API process shows it."""
        async with self.session.get(f"{self.urls[api]}/metrics") as response:
            lines = (await response.text()).splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(series))

    async def job(self, prompt: str) -> Job:
        """The record, straight from the store."""
        return await self.store.jobs.get(key(prompt))

    async def jobs(self, prompts: list[str]) -> list[Job]:
        return list(await asyncio.gather(*map(self.job, prompts)))

    async def held(self, prompt: str) -> tuple[str, int]:
        """The job's holder and token as the store has them."""
        name = self.store.keys.partition(key(prompt)).job(key(prompt))
        holder, token = await cast(
            Awaitable[list[bytes | None]], self.store.client.hmget(name, ["holder", "token"])
        )
        return (holder or b"").decode(), int(token or 0)

    # ── Conditions ────────────────────────────────────────────────────────────────────

    async def until_active(self, count: int) -> None:
        """Return once the provider has so many calls open."""

        async def holds() -> bool:
            return bool((await self.sim_counts())["active"] == count)

        await until(holds)

    async def until_aborted(self, count: int, seconds: float = WAIT) -> None:
        """Return once so many calls were closed by their caller before their end."""

        async def holds() -> bool:
            return bool((await self.sim_counts())["aborted"] == count)

        await until(holds, seconds)

    async def until_called(self, prompt: str, count: int) -> None:
        """Return once the provider was called with the prompt so often."""

        async def holds() -> bool:
            return await self.sim_calls(prompt) == count

        await until(holds)

    async def until_jobs(
        self, prompts: list[str], condition: Callable[[Job], bool], seconds: float = WAIT
    ) -> None:
        """Return once the condition holds of every one of the jobs."""

        async def holds() -> bool:
            return all(map(condition, await self.jobs(prompts)))

        await until(holds, seconds)

    async def until_ended(self, prompts: list[str]) -> None:
        """Return once every one of the jobs has a final state."""
        await self.until_jobs(prompts, lambda job: job.state.final)

    def defects(self) -> list[str]:
        """Log lines of level error, of all processes: there should never be one."""
        return [
            line
            for log in self.logs()
            for line in log.read_text().splitlines()
            if re.search(r'"level":"(error|critical)"|^Traceback', line)
        ]

    def logs(self) -> list[Path]:
        return sorted(self.folder.glob("*.log"))

    async def close(self) -> None:
        """End every process, each by its id, and the test's own connections."""
        for program in (*self.proxies, *self.apis, *self.workers, self.sim):
            if program.process.poll() is None:
                program.process.kill()
            program.process.wait()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._store is not None:
            await self._store.close()
        if self._session is not None:
            await self._session.close()
        self.server.close()


def ask(model: str, prompt: str, **fields: Any) -> dict[str, Any]:
    """A chat request whose prompt the simulated provider counts it under."""
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **fields}


def key(prompt: str) -> str:
    """The key of the job that was submitted with this prompt as its request id."""
    return job_key(_ACCOUNT, prompt)


def _signal(program: Program, signum: signal.Signals) -> None:
    assert program.process.poll() is None, program.log.read_text()[-2000:]
    os.kill(program.process.pid, signum)
    if signum is signal.SIGKILL:
        program.process.wait()

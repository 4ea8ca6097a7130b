"""``streamhold up`` for real: one command, a stream, kills, a drain."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from redis import Redis

from broker.cli.deployment import answers_200
from broker.cli.tether import tether
from tests.conftest import require

COMMAND = [sys.executable, "-P", "-c", "from broker.cli.main import main; main()"]
CHAT = {"stream": True, "messages": [{"role": "user", "content": "Hello"}]}


@dataclass
class Up:
    """A running ``up`` on free ports, and the state file that it keeps."""

    folder: Path
    options: tuple[str, ...] = ()
    lines: list[str] = field(default_factory=list)
    process: Process | None = None

    async def start(self) -> None:
        """Returns once it says that it listens."""
        env = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
        words = ["--port", "0", "--data-dir", str(self.folder / "data")]
        self.process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *("up", *words, "--state-file", str(self.state_file), *self.options),
            env=env,
            stdout=PIPE,
            preexec_fn=tether(signal.SIGKILL),
        )
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode())
            if "tail" in self.lines[-1]:
                return
        raise AssertionError(f"up ended with {await self.process.wait()}")

    @property
    def state_file(self) -> Path:
        return self.folder / "state.json"

    @property
    def state(self) -> Any:
        return json.loads(self.state_file.read_text())

    @property
    def url(self) -> str:
        url: str = self.state["apis"][0]
        return url

    async def kill(self, name: str) -> None:
        """kill -9 one process, and return when another one is in its place."""
        before = self.state["pids"][name]
        os.kill(before, signal.SIGKILL)
        await until(lambda: self.state["pids"].get(name, before) != before)

    async def ready(self) -> None:
        """Returns once calls are answered, by the simulated provider too."""
        for url, path in ((self.url, "/readyz"), (self.state["sim_url"], "/healthz")):
            address = urlsplit(url)
            while not await answers_200(  # noqa: ASYNC110 - another process comes up in silence
                address.hostname or "", address.port or 0, path
            ):
                await asyncio.sleep(0.02)

    async def stop(self) -> int:
        """SIGTERM, unless it has ended; the exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await self.process.wait()


async def until(holds: Callable[[], bool]) -> None:
    """Look until it holds: other processes' files and ends tell nobody that they changed."""
    while True:
        if holds():
            return
        await asyncio.sleep(0.02)


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    running = Up(tmp_path)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def submitted(http: aiohttp.ClientSession, up: Up, model: str, request_id: str) -> None:
    """Post a job, as often as a store that is just away makes it necessary."""
    body = {"request_id": request_id, "dialect": "chat", "request": {"model": model, **CHAT}}
    while True:
        async with http.post(f"{up.url}/v1/jobs", json=body) as response:
            if response.status != 503:
                assert response.status in (200, 202), await response.text()
                return
        await asyncio.sleep(0.05)


async def start_tail(up: Up, request_id: str) -> Process:
    words = ["tail", request_id, "--api", up.url]
    return await asyncio.create_subprocess_exec(*COMMAND, *words, stdout=PIPE, stderr=PIPE)


async def tailed(up: Up, request_id: str) -> tuple[int, str, str]:
    """What ``streamhold tail`` says: status, text, and the rest."""
    tail = await start_tail(up, request_id)
    out, err = await tail.communicate()
    return tail.returncode or 0, out.decode(), err.decode()


def runs(pid: int) -> bool:
    """Whether the process runs; one that waits to be collected does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def alive(pids: dict[str, int]) -> list[str]:
    """Which of these processes still run."""
    return [name for name, pid in pids.items() if runs(pid)]


async def test_the_tour_works(up: Up, http: aiohttp.ClientSession) -> None:
    listening, _, *rest = up.lines
    assert listening == f"streamhold listening on {up.url}\n"
    require("curl")
    [curl] = [line for line in rest if "curl -N" in line]
    shell = await asyncio.create_subprocess_shell(
        curl.replace("curl -N", "curl -sSN").replace("interval=50ms", "interval=1ms"), stdout=PIPE
    )
    out, _ = await shell.communicate()
    assert shell.returncode == 0
    assert out.decode().endswith("data: [DONE]\n\n")
    request_id = curl.split("idempotency-key: ")[1].split("'")[0]
    async with http.get(f"{up.url}/v1/jobs/{request_id}/result?wait=5") as response:
        whole = (await response.json())["choices"][0]["message"]["content"]
    status, text, err = await tailed(up, request_id)
    assert (status, err) == (0, "")
    assert text == whole + "\n"


@pytest.mark.parametrize("name", ["api-0", "worker-0", "sim", "valkey"])
async def test_what_is_killed_is_started_again(
    up: Up, http: aiohttp.ClientSession, name: str
) -> None:
    await submitted(http, up, "sim/tokens=5", "before")
    assert (await tailed(up, "before"))[0] == 0
    await up.kill(name)
    await up.ready()
    await submitted(http, up, "sim/tokens=5", "after")
    status, text, _ = await tailed(up, "after")
    assert status == 0
    assert (await tailed(up, "before"))[1] == text


async def test_tail_lives_through_a_killed_api(up: Up, http: aiohttp.ClientSession) -> None:
    await submitted(http, up, "sim/tokens=300,interval=20ms", "long")
    tail = await start_tail(up, "long")
    assert tail.stdout is not None
    begin = await tail.stdout.readexactly(1)
    await up.kill("api-0")
    out, err = await tail.communicate()
    assert tail.returncode == 0
    assert b"going on after" in err
    assert (begin + out).decode() == (await tailed(up, "long"))[1]


async def test_sigterm_drains(up: Up, http: aiohttp.ClientSession) -> None:
    pids = up.state["pids"]
    body = {"model": "sim/tokens=20,interval=20ms", **CHAT}
    async with http.post(f"{up.url}/v1/chat/completions", json=body) as response:
        await response.content.readuntil(b"\n\n")
        stop = asyncio.create_task(up.stop())
        rest = await response.content.read()
    assert rest.endswith(b"data: [DONE]\n\n")
    assert await stop == 0
    assert alive(pids) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties children to a parent")
async def test_a_killed_up_takes_its_children_along_and_keeps_the_data(
    up: Up, http: aiohttp.ClientSession
) -> None:
    await submitted(http, up, "sim/tokens=5", "kept")
    text = (await tailed(up, "kept"))[1]
    pids = up.state["pids"]
    assert up.process is not None
    up.process.kill()
    await up.process.wait()
    again = Up(up.folder)
    await again.start()  # waits for the old store to let go of the folder
    await until(lambda: not alive(pids))
    assert (await tailed(again, "kept"))[1] == text
    assert await again.stop() == 0


async def test_several_processes(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    up = Up(tmp_path, ("--apis", "2", "--workers", "2"))
    await up.start()
    assert sorted(up.state["pids"]) == ["api-0", "api-1", "sim", "valkey", "worker-0", "worker-1"]
    await submitted(http, up, "sim/tokens=5", "job")
    for url in up.state["apis"]:
        async with http.get(f"{url}/v1/jobs/job/result?wait=5") as response:
            assert response.status == 200
    assert await up.stop() == 0


def modes(folder: Path) -> set[tuple[bool, int]]:
    """(is a folder, permissions) of all that is in it, itself included."""
    paths = [folder, *folder.rglob("*")]
    return {(path.is_dir(), path.stat().st_mode & 0o7777) for path in paths}


async def test_the_data_is_private_in_a_folder_that_was_there_before(tmp_path: Path) -> None:
    """What an older `up` wrote with everybody's rights, and what is written from now on."""
    data = tmp_path / "data"
    up = Up(tmp_path)
    await up.start()
    sockets = Path(up.state["store_url"].removeprefix("unix://")).parent
    assert modes(sockets) == {(True, 0o700), (False, 0o700)}
    assert await up.stop() == 0
    for path in [data, *data.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    await up.start()
    await asyncio.to_thread(rewritten, up.state["store_url"])
    assert modes(data) == {(True, 0o700), (False, 0o600)}
    assert await up.stop() == 0
    assert modes(data) == {(True, 0o700), (False, 0o600)}


def rewritten(store_url: str) -> None:
    """Have the store write its log anew, into new files."""
    with Redis.from_url(store_url) as store:
        store.bgrewriteaof()
        while store.info("persistence")["aof_rewrite_in_progress"]:
            pass


async def ended_up(folder: Path) -> tuple[int, str]:
    """The status and the stderr of an `up` that ends by itself."""
    words = ["up", "--port", "0", "--data-dir", str(folder)]
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, stdout=PIPE, stderr=PIPE, preexec_fn=tether(signal.SIGKILL)
    )
    _, err = await process.communicate()
    return await process.wait(), err.decode()


async def test_a_damaged_log_is_said_once_and_can_be_repaired(up: Up, tmp_path: Path) -> None:
    assert await up.stop() == 0
    [log] = (tmp_path / "data" / "appendonlydir").glob("*.incr.aof")
    sound = log.read_bytes()
    log.write_bytes(sound + b"rubbish\r\n" * 10)
    status, err = await ended_up(tmp_path / "data")
    assert status == 1
    assert err.count("The log of the store is damaged.") == 1
    assert f"{log}: sound up to byte {len(sound):,} of {len(sound) + 90:,}" in err
    assert "Bad file format" in err  # the store's own words
    assert "restart_in" not in err
    [repair] = [line for line in err.splitlines() if line.startswith("  bash -c ")]
    shell = await asyncio.create_subprocess_shell(repair, stdin=PIPE, stdout=PIPE)
    await shell.communicate(b"y\n")
    assert log.read_bytes() == sound
    again = Up(tmp_path)
    await again.start()
    assert await again.stop() == 0


async def test_a_log_whose_last_record_is_cut_off_is_loaded(
    up: Up, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    await submitted(http, up, "sim/tokens=5", "kept")
    text = (await tailed(up, "kept"))[1]
    assert await up.stop() == 0
    [log] = (tmp_path / "data" / "appendonlydir").glob("*.incr.aof")
    half = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nhalf of it"
    log.write_bytes(log.read_bytes() + half)
    again = Up(tmp_path)
    await again.start()
    assert (await tailed(again, "kept"))[1] == text
    assert await again.stop() == 0


async def test_a_data_folder_has_one_user(up: Up, tmp_path: Path) -> None:
    words = ["up", "--port", "0", "--data-dir", str(tmp_path / "data")]
    second = await asyncio.create_subprocess_exec(*COMMAND, *words, stderr=PIPE)
    _, err = await second.communicate()
    assert second.returncode == 2
    assert b"Another `streamhold up`" in err


async def test_an_open_door_is_refused(tmp_path: Path) -> None:
    words = ["up", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(*COMMAND, *words, stderr=PIPE)
    _, err = await process.communicate()
    assert process.returncode == 2
    assert b"--no-auth" in err

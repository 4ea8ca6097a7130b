"""``clients/js`` and the SDKs of its users over real processes, by scripts that run in Node.

The broker stands at one address, as behind a proxy; ``up`` starts an API process again where
the last one was, so that a kill is an outage of a second for everyone who is connected.
"""

import asyncio
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rig.cluster import until
from tests.deployment import Deployment
from tests.node import JS, NODE, node_env

CONFIG = "[server]\nping = 0.2\n"
TOKENS = 120
SPOKEN = f"tokens={TOKENS},interval=50ms,obfuscation"
MODEL = f"sim/{SPOKEN}"
READERS = 8  # of survivors.js
KILLS = (12, 45, 80)  # chunks after which the API process is killed
SCRIPTS = JS / "test" / "contract"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("js"), config=CONFIG)
    yield deployment
    deployment.close()


def env_of(broker: Deployment) -> dict[str, str]:
    calls = broker.sim_url.removesuffix("/v1") + "/sim/calls"
    return {**node_env(), "STREAMHOLD_URL": broker.urls[0], "STREAMHOLD_SIM_CALLS": calls}


@pytest.mark.usefixtures("npm_packages")
def test_contract_scripts(broker: Deployment) -> None:
    """All at once: most of their time they wait for clients that pause."""
    files = sorted(str(script) for script in SCRIPTS.glob("*.test.js"))
    assert len(files) == 4
    words = [NODE, "--test", "--test-timeout=20000", "--test-concurrency=4", *files]
    done = subprocess.run(
        words, env=env_of(broker), capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def kill_api(broker: Deployment) -> None:
    """kill -9, and wait until another process has its place."""
    pid = broker.pids["api-0"]
    os.kill(pid, signal.SIGKILL)
    await until(lambda: broker.pids.get("api-0", pid) != pid)


@pytest.mark.usefixtures("npm_packages")
async def test_an_application_sees_nothing_of_three_killed_servers(
    broker: Deployment, tmp_path: Path
) -> None:
    prompts = [f"survivor-{n}-{secrets.token_hex(4)}" for n in range(READERS)]
    complaints = tmp_path / "stderr"
    with complaints.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            NODE,
            str(SCRIPTS / "survivors.js"),
            MODEL,
            *prompts,
            env=env_of(broker),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None
        kills = list(KILLS)
        said: dict[str, Any] = {}
        try:
            async with asyncio.timeout(50):
                async for line in process.stdout:
                    said = json.loads(line)
                    if kills and said.get("chunks", 0) >= kills[0]:
                        del kills[0]
                        await kill_api(broker)
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
    assert (process.returncode, kills) == (0, []), complaints.read_text()
    assert complaints.read_text() == ""
    assert [len(text.split()) for text in said["texts"]] == [TOKENS] * READERS, said
    async with (
        aiohttp.ClientSession(broker.urls[0]) as session,
        session.get("/v1/jobs?limit=100") as response,
    ):
        jobs = (await response.json())["data"]
    assert sum(job["model"].partition("/")[2] == SPOKEN for job in jobs) == READERS
    assert [broker.sim_calls(prompt) for prompt in prompts] == [1] * READERS

"""The child process, for real: tasks in and results out, in turn; its errors, bounds and end."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.errors import BadRequest, TooLarge
from broker.offload import Offload
from broker.offload.tasks import Count, Counted
from broker.settings import Secret, Server
from tests.unit.stores import make_settings

ROOM = 1024 * 1024  # max_body of the tests: it bounds the child's memory too


@pytest.fixture
async def offload() -> AsyncIterator[Offload]:
    settings = make_settings(server=Server(max_body=ROOM), api_keys={"one": Secret("sk-one")})
    offload = Offload(settings)
    yield offload
    await offload.close()


def body(count: int = 1, **more: Any) -> bytes:
    messages = [{"role": "user", "content": "hi"}] * count
    return msgspec.json.encode({"model": "m", "messages": messages, **more})


async def count(offload: Offload, data: bytes, account: str = "a") -> tuple[Counted, Any]:
    found, rest = await offload.run(Count(), Counted, data, account=account)
    return found, msgspec.json.decode(rest)


async def test_a_task_goes_there_and_its_result_comes_back(offload: Offload) -> None:
    found, rest = await count(offload, body(20_000, anthropic_beta=["b"]))
    assert (found.model, found.betas) == ("m", ["b"])
    assert 100_000 < found.about < 200_000
    assert rest == {"messages": [{"role": "user", "content": "hi"}] * 20_000}
    found, _ = await count(offload, body())
    assert (found.model, offload.tasks, offload.deaths) == ("m", 2, 0)


@pytest.mark.parametrize("bad", [b"{", b"[]", b'{"model":"m"}', b'{"messages":[{}]}'])
async def test_what_is_wrong_with_a_body_is_raised_here(offload: Offload, bad: bytes) -> None:
    with pytest.raises(BadRequest):
        await count(offload, bad)
    assert (await count(offload, body()))[0].model == "m"


async def test_accounts_take_turns(offload: Offload) -> None:
    done: list[str] = []

    async def one(account: str) -> None:
        await count(offload, body(), account)
        done.append(account)

    await asyncio.gather(*map(one, "aaaab"))
    assert done == ["a", "b", "a", "a", "a"]


async def test_a_child_that_dies_of_a_task_fails_that_one_only(offload: Offload) -> None:
    await count(offload, body())
    child = offload._child
    assert child is not None
    os.kill(child.process.pid, signal.SIGSTOP)
    task = asyncio.create_task(count(offload, body()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert offload._serving is not None
    child.process.kill()
    with pytest.raises(TooLarge):
        await task
    assert (await count(offload, body()))[0].model == "m"
    assert offload.deaths == 1


async def test_memory_is_bounded_and_who_needs_more_is_refused(offload: Offload) -> None:
    with pytest.raises(TooLarge):
        await count(offload, b'{"model":"m","messages":[' + b"{}," * 2_000_000 + b"{}]}")
    assert (await count(offload, body()))[0].model == "m"


async def test_who_gives_up_waiting_holds_up_nobody(offload: Offload) -> None:
    first = asyncio.create_task(count(offload, body()))
    second = asyncio.create_task(count(offload, body()))
    await asyncio.sleep(0)
    second.cancel()
    assert (await first)[0].model == "m"
    assert (await count(offload, body()))[0].model == "m"
    assert offload.tasks == 2


async def test_the_child_ends_with_its_parents_end_of_the_channel(offload: Offload) -> None:
    await count(offload, body())
    child = offload._child
    assert child is not None
    child.channel.close()
    assert await child.process.wait() == 0


async def test_the_child_has_no_key_of_a_provider(
    offload: Offload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE_API_KEY", "sk-one")
    await count(offload, body())
    child = offload._child
    assert child is not None
    environ = Path(f"/proc/{child.process.pid}/environ")
    assert b"sk-one" not in await asyncio.to_thread(environ.read_bytes)


async def test_a_child_of_an_earlier_epoch_of_connections_is_replaced() -> None:
    epochs = [0]
    offload = Offload(make_settings(server=Server(max_body=ROOM)), lambda: epochs[-1])
    pids = []
    for epoch in (0, 0, 1, 1):
        epochs.append(epoch)
        assert (await count(offload, body()))[0].model == "m"
        assert offload._child is not None
        pids.append(offload._child.process.pid)
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert offload.deaths == 0
    await offload.close()

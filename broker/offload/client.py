"""The parent's side: tasks wait in turn, an account each, and one is done at a time."""

import asyncio
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

import broker
from broker import errors, log
from broker.ending import end
from broker.errors import StreamholdError, TooLarge, Unexpressible
from broker.offload.budget import Budget
from broker.offload.channel import Channel, ChildGone
from broker.offload.protocol import decode_reply, encode_settings, encode_task
from broker.offload.tasks import Failed, Task
from broker.settings import Settings

T = TypeVar("T")

BUDGET = 4  # times max_body: large bodies that a process keeps at once
PATIENCE = 60.0  # seconds for one task
_START = "from broker.offload.child import main; main()"


class _Waiting(NamedTuple):
    task: Task
    payload: bytes | bytearray
    done: asyncio.Future[tuple[msgspec.Raw, bytearray]]


class _Child(NamedTuple):
    process: asyncio.subprocess.Process
    channel: Channel


class Offload:
    """One process's child; started when there is something to do, and again when it has ended.

    ``epoch`` is that of the process's connections to the store (``store.failover``): a child that
    was connected in an earlier one is replaced.
    """

    def __init__(self, settings: Settings, epoch: Callable[[], int] = lambda: 0) -> None:
        self._settings = settings
        self._epoch = epoch
        self._started_in = 0
        self._queues: dict[str, deque[_Waiting]] = {}  # by account, the next one's first
        self._serving: asyncio.Task[None] | None = None
        self._child: _Child | None = None
        self.budget = Budget(BUDGET * settings.server.max_body)
        self.tasks = 0  # done so far
        self.deaths = 0  # of children in mid-task

    async def run(
        self, task: Task, kind: type[T], payload: bytes | bytearray = b"", *, account: str
    ) -> tuple[T, bytearray]:
        """The result of a task, and the payload that comes with it.

        Raises:
            StreamholdError: what the task raised. TooLarge: the child died of it, or would not end.
        """
        done: asyncio.Future[tuple[msgspec.Raw, bytearray]]
        done = asyncio.get_running_loop().create_future()
        self._queues.setdefault(account, deque()).append(_Waiting(task, payload, done))
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve(), name="offload")
        result, back = await done
        return msgspec.msgpack.decode(result, type=kind), back

    async def close(self) -> None:
        """End the child, and with it what waits."""
        serving, self._serving = self._serving, None
        if serving is not None:
            await end([serving])
        for queue in self._queues.values():
            for waiting in queue:
                waiting.done.cancel()
        self._queues.clear()
        await self._end()

    async def _serve(self) -> None:
        """Do what waits, one task an account in turn, until nothing does."""
        try:
            while self._queues:
                account = next(iter(self._queues))
                queue = self._queues.pop(account)
                waiting = queue.popleft()
                if queue:
                    self._queues[account] = queue  # behind the others
                if not waiting.done.done():
                    await self._do(waiting)
        finally:
            self._serving = None

    async def _do(self, waiting: _Waiting) -> None:
        error: Exception
        try:
            found = await self._ask(waiting.task, waiting.payload)
        except StreamholdError as failure:
            error = failure
        except (ChildGone, TimeoutError, OSError) as failure:
            self.deaths += 1
            log.warning("offload.lost", task=type(waiting.task).__name__, error=repr(failure))
            await self._end()
            error = TooLarge("It could not be worked on.")
        except asyncio.CancelledError:
            waiting.done.cancel()
            raise
        except Exception:  # noqa: BLE001 - a task's boundary: its caller waits for an answer
            log.exception("offload.defect", task=type(waiting.task).__name__)
            await self._end()
            error = StreamholdError()
        else:
            self.tasks += 1
            if not waiting.done.done():
                waiting.done.set_result(found)
            return
        if not waiting.done.done():
            waiting.done.set_exception(error)

    async def _ask(self, task: Task, payload: bytes | bytearray) -> tuple[msgspec.Raw, bytearray]:
        epoch = self._epoch()
        if epoch != self._started_in:
            await self._end()
        child = self._child
        if child is None:
            child, self._started_in = await self._start(), epoch
            self._child = child
        async with asyncio.timeout(PATIENCE):
            about, back = await child.channel.ask(encode_task(task), payload)
        reply = decode_reply(about)
        if reply.leaving:
            await self._end()
        if reply.failed is not None:
            raise _error(reply.failed)
        return reply.result, back

    async def _start(self) -> _Child:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", _START, str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                env=_environment(),
            )
        ours.setblocking(False)
        _, channel = await loop.create_connection(Channel, sock=ours)
        channel.tell(encode_settings(self._settings))
        log.info("offload.started", pid=process.pid)
        return _Child(process, channel)

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.channel.close()
        if child.process.returncode is None:
            child.process.kill()  # it keeps nothing
        await child.process.wait()


def _environment() -> dict[str, str]:
    """What the child needs of ours: no key of a provider is among it."""
    names = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
    home = str(Path(broker.__file__).parent.parent)
    return {name: os.environ[name] for name in names if name in os.environ} | {"PYTHONPATH": home}


def _error(failed: Failed) -> StreamholdError:
    """The error that a task raised."""
    if failed.error == Unexpressible.__name__:
        return Unexpressible(failed.detail, param=failed.param, losses=failed.losses)
    kind: Any = getattr(errors, failed.error, StreamholdError)
    error: StreamholdError = kind(failed.detail, param=failed.param)
    return error

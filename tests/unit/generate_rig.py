"""What the tests of generate stand on: scripted providers, a real writer, a fake server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from broker.dialects.chat import fold
from broker.frames import Frame, Kind, data_frame, data_of
from broker.model import Attempt, Failure, Job, Terminal
from broker.settings import Settings
from broker.store import Store
from broker.store.queue import Claim
from tests.store.samples import HOLDER, expire, frames, raw, rescue
from tests.unit.stores import make_settings, open_fake
from workers.breakers import BreakerView
from workers.generate import generate
from workers.hold import Hold
from workers.providers.base import Call, Held, Reply, Sink
from workers.read_backs import ReadBacks
from workers.writer import Writer

RETRY = Failure("provider_error", "It fell over.", remedy="retry", retryable=True)


FINAL = Failure("invalid_request_error", "Bad request.", status=400, remedy="final")


Step = list[Frame] | BaseException | Callable[[], Awaitable[object]]


class Hang:
    """A step that ends when it is let; ``reached`` when a call came to it and all is stored."""

    def __init__(self) -> None:
        self.here = asyncio.Event()
        self.over = asyncio.Event()

    async def __call__(self) -> None:
        self.here.set()
        await self.over.wait()

    async def reached(self, rig: "Rig") -> None:
        await self.here.wait()
        await rig.stored()


def said(*texts: str, kind: Kind = Kind.DIALECT) -> list[Frame]:
    return [Frame(kind, b"data: " + text.encode()) for text in texts]


def chunk(delta: dict[str, Any] | str | None = None, **more: Any) -> list[Frame]:
    """A chunk of one choice; a text is content."""
    if not isinstance(delta, dict):
        delta = {"content": delta} if delta else {}
    choice = {"index": 0, "delta": delta, "finish_reason": more.pop("finish", None)}
    body = {"id": "c", "choices": [choice], **more}
    return [data_frame(Kind.DIALECT, msgspec.json.encode(body))]


def stop() -> list[Frame]:
    return chunk(finish="stop")


def usage(tokens: int) -> list[Frame]:
    body = {"id": "c", "choices": [], "usage": {"total_tokens": tokens}}
    return [data_frame(Kind.USAGE, msgspec.json.encode(body))]


class Scripted:
    """A provider that gives, raises or awaits what each call's script says."""

    def __init__(
        self, *scripts: list[Step], usage: dict[str, Any] | None = None, resumes: bool = False
    ) -> None:
        self.calls: list[Call] = []
        self.open = 0
        self.parting: Frame | None = None
        self.resumes = resumes
        self.stopped: list[Call] = []
        self.cursors: list[int] = []  # of each list that is given, if it has one
        self._scripts = list(scripts)
        self._usage = usage

    async def stream(
        self, call: Call, reply: Reply, sink: Sink | None = None
    ) -> AsyncGenerator[list[Frame], None]:
        self.calls.append(call)
        self.open += 1
        try:
            for step in self._scripts.pop(0):
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, list):
                    reply.events += len(step)
                    reply.cursor = self.cursors.pop(0) if self.cursors else None
                    reply.first_token = reply.first_token or 0.25
                    reply.provider_id, reply.usage = "chatcmpl-1", self._usage
                    reply.parting = self.parting
                    yield step
                else:
                    await step()
        finally:
            self.open -= 1

    def knows(self, held: Held) -> bool:
        return self.resumes and held.provider_id is not None

    async def stop(self, call: Call) -> None:
        self.stopped.append(call)


class ScriptedProviders:
    def __init__(self, **providers: Scripted) -> None:
        self._providers = providers
        self.stopped: list[int] = []

    def get(self, name: str, dialect: str = "chat") -> Scripted:
        return self._providers[name]

    def stop(self, job: Job, attempt: Attempt) -> None:
        self.stopped.append(attempt.number)


class Rig:
    """A store, a writer that runs, and claims that become runs of ``generate``."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.writer = Writer(store.streams, store.keys.partitions[0], settings.worker)
        self.breakers = BreakerView(store.breakers)
        self.hold: Hold

    def configure(
        self,
        prefill: Mapping[str, bool | str] | None = None,
        resumes: tuple[str, ...] = (),
        **route: Any,
    ) -> None:
        """Set which providers go on from a partial answer, which with a lost call, and the
        policy of route ``m``.
        """
        replace, settings = msgspec.structs.replace, self.settings
        providers = {
            name: replace(
                provider, prefill=(prefill or {}).get(name, False), resumes=name in resumes
            )
            for name, provider in settings.providers.items()
        }
        routes = {"m": replace(settings.routes["m"], **route)}
        self.settings = replace(settings, providers=providers, routes=routes)

    async def run(self, claim: Claim, **providers: Scripted) -> None:
        await self.start(claim, **providers)

    def start(self, claim: Claim, **providers: Scripted) -> "asyncio.Task[None]":
        self.hold = Hold(claim, self.writer)
        self.providers = ScriptedProviders(**providers)
        ctx = {
            "hold": self.hold,
            "settings": self.settings,
            "providers": self.providers,
            "store": self.store,
            "breakers": self.breakers,
            "read_backs": ReadBacks(self.store),
            "holder": HOLDER,
        }
        task = asyncio.create_task(generate(ctx, claim.job.key))
        self.hold.task = task
        return task

    async def stored(self) -> None:
        """What the job has written so far is in the store."""
        await self.hold.pen.settled()

    async def job(self, claim: Claim) -> Job:
        return await self.store.jobs.get(claim.job.key)

    async def told(self, claim: Claim) -> list[tuple[str, str]]:
        """The stream: (kind, data) of each frame, numbered from 1 without a gap."""
        numbered = await frames(self.store, claim.job.key)
        assert list(numbered) == list(range(1, len(numbered) + 1))
        return [(Kind(f.kind).name, data_of(f.body).decode() or "") for f in numbered.values()]

    async def answer(self, claim: Claim) -> dict[str, Any]:
        """The fold of the stream."""
        return fold((await frames(self.store, claim.job.key)).values())

    async def end(self, claim: Claim) -> Terminal:
        """The terminal, which is the last frame and the only one of its kind."""
        found = await frames(self.store, claim.job.key)
        *rest, last = found.values()
        assert last.kind == Kind.TERMINAL
        assert all(frame.kind != Kind.TERMINAL for frame in rest)
        terminal = msgspec.json.decode(last.body, type=Terminal)
        assert (await self.job(claim)).state is terminal.state
        return terminal


@asynccontextmanager
async def open_rig(**worker: Any) -> AsyncIterator[Rig]:
    settings = make_settings(worker=worker)
    async with open_fake(settings) as store:
        rig = Rig(store, settings)
        flushing = asyncio.create_task(rig.writer.run())
        yield rig
        flushing.cancel()


async def lose(rig: Rig, claim: Claim) -> None:
    """The lease expires and the job is rescued."""
    await rescue(rig.store)
    await raw(rig.store).hset(rig.store.keys.partitions[0].prefix + "tick", "until", 0)
    await expire(rig.store, claim.job.key)
    assert (await rescue(rig.store)).rescued == [claim.job.key]


async def taken_over(rig: Rig, claim: Claim, *steps: Step, **one: Any) -> Claim:
    """The next holder's claim of a job whose worker was lost after these steps of ``one``."""
    hang, cursors = Hang(), one.pop("cursors", [])
    provider = Scripted([*steps, hang], **one)
    provider.cursors = cursors
    hanging = rig.start(claim, one=provider)
    await hang.reached(rig)
    await lose(rig, claim)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    (again,) = await rig.store.queue.claim(rig.store.keys.partitions[0], "worker-2", 1)
    return again


def outcomes(job: Job) -> list[tuple[int, str, str | None]]:
    return [(each.number, each.provider, each.outcome) for each in job.attempts]

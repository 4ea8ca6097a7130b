"""What the tests of generate stand on: scripted providers, a real writer, a fake server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from broker.frames import Frame, Kind, data_of
from broker.model import Failure, Job, Terminal
from broker.settings import Settings
from broker.store import Store
from broker.store.queue import Claim
from tests.store.samples import frames
from tests.unit.stores import make_settings, open_fake
from workers.generate import generate
from workers.hold import Hold
from workers.providers.base import Call, Reply
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


class Scripted:
    """A provider that gives, raises or awaits what each call's script says."""

    def __init__(self, *scripts: list[Step], usage: dict[str, Any] | None = None) -> None:
        self.calls: list[Call] = []
        self.open = 0
        self._scripts = list(scripts)
        self._usage = usage

    async def stream(self, call: Call, reply: Reply) -> AsyncGenerator[list[Frame], None]:
        self.calls.append(call)
        self.open += 1
        try:
            for step in self._scripts.pop(0):
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, list):
                    reply.first_token = reply.first_token or 0.25
                    reply.provider_id, reply.usage = "chatcmpl-1", self._usage
                    yield step
                else:
                    await step()
        finally:
            self.open -= 1


class ScriptedProviders:
    def __init__(self, **providers: Scripted) -> None:
        self._providers = providers

    def get(self, name: str) -> Scripted:
        return self._providers[name]


class Rig:
    """A store, a writer that runs, and claims that become runs of ``generate``."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.writer = Writer(store.streams, store.keys.partitions[0], settings.worker)
        self.hold: Hold

    async def run(self, claim: Claim, **providers: Scripted) -> None:
        await self.start(claim, **providers)

    def start(self, claim: Claim, **providers: Scripted) -> "asyncio.Task[None]":
        self.hold = Hold(claim, self.writer)
        ctx = {
            "hold": self.hold,
            "settings": self.settings,
            "providers": ScriptedProviders(**providers),
            "store": self.store,
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


def outcomes(job: Job) -> list[tuple[int, str, str | None]]:
    return [(each.number, each.provider, each.outcome) for each in job.attempts]

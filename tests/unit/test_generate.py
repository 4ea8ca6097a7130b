"""One job from its claim to its terminal: a scripted provider, a real writer, a fake server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest

from broker.frames import Frame, Kind, data_of
from broker.model import Failure, Job, JobState, Terminal
from broker.routing import LOST, LOST_MID_STREAM
from broker.settings import Settings
from broker.store import Store
from broker.store.queue import Claim
from tests.store.samples import HOLDER, expire, frames, names, new_job, raw, rescue, running
from tests.unit.stores import make_settings, open_fake
from workers.generate import generate
from workers.hold import Hold
from workers.providers.base import Call, ProviderFailure, Reply
from workers.writer import FramesLost, Writer

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


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as rig:
        yield rig


def outcomes(job: Job) -> list[tuple[int, str, str | None]]:
    return [(each.number, each.provider, each.outcome) for each in job.attempts]


async def test_a_whole_answer(rig: Rig) -> None:
    claim = await running(rig.store)
    one = Scripted([said("Hel"), said("lo"), said("u", kind=Kind.USAGE)], usage={"total_tokens": 3})
    await rig.run(claim, one=one)
    assert await rig.told(claim) == [
        ("NATIVE", '{"number":1,"provider":"one","model":"a"}'),
        ("DIALECT", "Hel"),
        ("DIALECT", "lo"),
        ("USAGE", "u"),
        ("TERMINAL", ""),
    ]
    assert await rig.end(claim) == Terminal(JobState.COMPLETED, usage={"total_tokens": 3})
    job = await rig.job(claim)
    assert (job.delivered, job.usage, job.error) == (True, {"total_tokens": 3}, None)
    (attempt,) = job.attempts
    assert (attempt.outcome, attempt.provider_id, attempt.first_token) == (
        "completed",
        "chatcmpl-1",
        0.25,
    )
    assert attempt.ended is not None
    assert attempt.usage == {"total_tokens": 3}
    (call,) = one.calls
    assert (call.request_id, call.model, call.request["model"]) == ("r1", "a", "m")
    assert one.open == 0


async def test_a_whole_frame_is_an_answer(rig: Rig) -> None:
    claim = await running(rig.store)
    await rig.run(claim, one=Scripted([said('{"choices":[]}', kind=Kind.WHOLE)]))
    assert [kind for kind, _ in await rig.told(claim)] == ["NATIVE", "WHOLE", "TERMINAL"]
    assert (await rig.job(claim)).delivered


async def test_before_the_first_token_the_next_target_answers(rig: Rig) -> None:
    claim = await running(rig.store)
    one, two = Scripted([ProviderFailure(RETRY)]), Scripted([said("hi")])
    await rig.run(claim, one=one, two=two)
    assert await rig.told(claim) == [
        ("NATIVE", '{"number":1,"provider":"one","model":"a"}'),
        (
            "NATIVE",
            '{"number":2,"provider":"two","model":"b",'
            '"after":{"outcome":"failed","error":"provider_error"}}',
        ),
        ("DIALECT", "hi"),
        ("TERMINAL", ""),
    ]
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "failed"), (2, "two", "completed")]
    assert job.attempts[0].error == RETRY
    assert job.state is JobState.COMPLETED


async def test_after_it_the_job_fails(rig: Rig) -> None:
    claim = await running(rig.store)
    one, two = Scripted([said("hi"), ProviderFailure(RETRY)]), Scripted([said("no")])
    await rig.run(claim, one=one, two=two)
    assert await rig.end(claim) == Terminal(JobState.FAILED, error=RETRY)
    assert [text for kind, text in await rig.told(claim) if kind == "DIALECT"] == ["hi"]
    job = await rig.job(claim)
    assert (job.error, job.delivered, outcomes(job)) == (RETRY, True, [(1, "one", "failed")])
    assert two.calls == []


async def test_three_attempts_at_most(rig: Rig) -> None:
    claim = await running(rig.store)
    one = Scripted([ProviderFailure(RETRY)], [ProviderFailure(RETRY)])
    two = Scripted([ProviderFailure(RETRY)])
    await rig.run(claim, one=one, two=two)
    assert (await rig.end(claim)).error == RETRY
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "failed"), (2, "two", "failed"), (3, "one", "failed")]
    assert not job.delivered


async def test_a_final_failure_stops_at_once(rig: Rig) -> None:
    claim = await running(rig.store)
    two = Scripted()
    await rig.run(claim, one=Scripted([ProviderFailure(FINAL)]), two=two)
    assert (await rig.end(claim)).error == FINAL
    assert two.calls == []


async def test_the_usage_of_an_attempt_is_its_own(rig: Rig) -> None:
    claim = await running(rig.store)
    one = Scripted([said(), ProviderFailure(RETRY)], [said("hi")], usage={"total_tokens": 9})
    await rig.run(claim, one=one, two=Scripted([ProviderFailure(RETRY)]))
    job = await rig.job(claim)
    usages = [attempt.usage for attempt in job.attempts]
    assert usages == [{"total_tokens": 9}, None, {"total_tokens": 9}]
    assert job.attempts[1].provider_id is None


async def test_a_lost_attempt_is_settled_by_the_next_holder(rig: Rig) -> None:
    hang = Hang()
    claim = await running(rig.store)
    hanging = rig.start(claim, one=Scripted([hang]))
    await hang.reached(rig)
    await lose(rig, claim)
    (again,) = await rig.store.queue.claim(rig.store.keys.partitions[0], "worker-2", 1)
    await rig.run(again, two=Scripted([said("hi")]))
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "lost"), (2, "two", "completed")]
    assert (await rig.told(claim))[1] == (
        "NATIVE",
        '{"number":2,"provider":"two","model":"b","after":{"outcome":"lost","error":null}}',
    )
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert outcomes(await rig.job(claim)) == [(1, "one", "lost"), (2, "two", "completed")]


async def test_a_job_lost_in_mid_stream_fails(rig: Rig) -> None:
    hang = Hang()
    claim = await running(rig.store)
    hanging = rig.start(claim, one=Scripted([said("hi"), hang]))
    await hang.reached(rig)
    await lose(rig, claim)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    (again,) = await rig.store.queue.claim(rig.store.keys.partitions[0], "worker-2", 1)
    await rig.run(again, two=Scripted())
    assert (await rig.end(claim)).error == LOST_MID_STREAM
    assert outcomes(await rig.job(claim)) == [(1, "one", "lost")]


async def test_a_job_that_kills_its_workers_is_given_up(rig: Rig) -> None:
    await rig.store.jobs.create(new_job())
    for _ in range(3):
        (claim,) = await rig.store.queue.claim(rig.store.keys.partitions[0], HOLDER, 1)
        await lose(rig, claim)
    (claim,) = await rig.store.queue.claim(rig.store.keys.partitions[0], HOLDER, 1)
    await rig.run(claim, one=Scripted())
    assert (await rig.end(claim)).error == LOST


async def test_a_lost_body_fails_the_job(rig: Rig) -> None:
    await rig.store.jobs.create(new_job())
    await raw(rig.store).delete(names(rig.store, new_job().key)["body"])
    (claim,) = await rig.store.queue.claim(rig.store.keys.partitions[0], HOLDER, 1)
    await rig.run(claim)
    error = (await rig.end(claim)).error
    assert error is not None
    assert error.type == "internal_error"


async def test_a_model_no_longer_configured_fails_the_job(rig: Rig) -> None:
    claim = await running(rig.store)
    rig.settings = Settings()
    await rig.run(claim)
    error = (await rig.end(claim)).error
    assert error is not None
    assert (error.code, error.status) == ("model_not_found", 404)


async def test_a_cancelled_job_settles_its_attempt(rig: Rig) -> None:
    hang = Hang()
    claim = await running(rig.store)
    one = Scripted([said("hi"), hang], usage={"total_tokens": 1})
    task = rig.start(claim, one=one)
    await hang.reached(rig)
    await rig.store.jobs.cancel(claim.job.key)
    rig.hold.take_away()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert one.open == 0
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "cancelled")]
    assert job.attempts[0].usage == {"total_tokens": 1}
    assert job.state is JobState.CANCELLED


async def test_settling_is_not_cut_short_by_hearing_of_the_loss_again(rig: Rig) -> None:
    hang, slow = Hang(), Hang()
    claim = await running(rig.store)
    task = rig.start(claim, one=Scripted([hang]))
    await hang.reached(rig)
    await rig.store.jobs.cancel(claim.job.key)
    settle = rig.store.jobs.settle

    async def held(*args: Any) -> None:
        await slow()
        await settle(*args)

    cast(Any, rig.store.jobs).settle = held
    rig.hold.take_away()
    await slow.here.wait()
    rig.hold.take_away()  # the renewal sees it as well
    slow.over.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert outcomes(await rig.job(claim)) == [(1, "one", "cancelled")]


async def test_a_job_cancelled_between_attempts_settles_the_failed_one() -> None:
    async with open_rig(backoff=600.0) as rig:
        rig.settings = msgspec.structs.replace(
            rig.settings,
            routes={"m": msgspec.structs.replace(rig.settings.routes["m"], targets=("one/a",))},
        )
        claim = await running(rig.store)
        failed = asyncio.Event()

        async def fail() -> None:
            failed.set()
            raise ProviderFailure(RETRY)

        task = rig.start(claim, one=Scripted([fail]))
        await failed.wait()
        await rig.stored()
        await rig.store.jobs.cancel(claim.job.key)
        rig.hold.take_away()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert outcomes(await rig.job(claim)) == [(1, "one", "failed")]


async def test_an_answer_that_cancel_overtook_is_settled_as_it_ended(rig: Rig) -> None:
    claim = await running(rig.store)

    async def cancelled() -> None:
        await rig.stored()
        await rig.store.jobs.cancel(claim.job.key)

    task = rig.start(claim, one=Scripted([said("hi"), cancelled]))
    with pytest.raises(asyncio.CancelledError):
        await task  # the terminal was fenced
    job = await rig.job(claim)
    assert (job.state, outcomes(job)) == (JobState.CANCELLED, [(1, "one", "completed")])


async def test_a_job_that_goes_on_elsewhere_is_not_ours_to_settle(rig: Rig) -> None:
    hang = Hang()
    claim = await running(rig.store)
    task = rig.start(claim, one=Scripted([hang]))
    await hang.reached(rig)
    await rig.store.queue.release(
        rig.store.keys.partitions[0], HOLDER, [rig.hold.lease], leaving=True
    )
    rig.hold.take_away()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert outcomes(await rig.job(claim)) == [(1, "one", None)]


async def test_a_fenced_job_stops_its_call(rig: Rig) -> None:
    hang = Hang()
    claim = await running(rig.store)
    one = Scripted([said("hi"), hang, said("there"), Hang()])
    task = rig.start(claim, one=one)
    await hang.reached(rig)
    await rig.store.jobs.cancel(claim.job.key)
    hang.over.set()  # the next frame meets another token
    with pytest.raises(asyncio.CancelledError):
        await task
    assert one.open == 0
    assert [kind for kind, _ in await rig.told(claim)] == ["NATIVE", "DIALECT", "TERMINAL"]


async def test_a_defect_ends_the_stream_all_the_same(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    claim = await running(rig.store)
    one = Scripted([said("hi"), ZeroDivisionError()])
    await rig.run(claim, one=one)
    error = (await rig.end(claim)).error
    assert error is not None
    assert error.type == "internal_error"
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "failed")]
    assert one.open == 0
    assert [record.msg for record in caplog.records if record.exc_info] == ["job.defect"]


async def crash(rig: Rig, claim: Claim) -> None:
    """The store's host crashed: the whole log of this stream is gone."""
    keys = names(rig.store, claim.job.key)
    await raw(rig.store).delete(keys["stream"], keys["templates"])
    await raw(rig.store).hset(keys["job"], "last", 0)
    await raw(rig.store).hdel(keys["job"], "attempt:1", "delivered")


async def test_frames_lost_in_mid_stream_fail_the_job() -> None:
    async with open_rig(keep_acknowledged=0.0) as rig:
        claim = await running(rig.store)

        async def crashed() -> None:
            await rig.stored()
            await crash(rig, claim)

        async def lost() -> None:
            with pytest.raises(FramesLost):
                await rig.hold.pen.settled()

        one = Scripted([said("a"), rig.stored, said("b"), crashed, said("c"), lost, said("d")])
        await rig.run(claim, one=one)
        terminal = await rig.end(claim)
        assert terminal.error is not None
        assert (terminal.error.type, terminal.error.retryable) == ("frames_lost", True)
        assert list(await frames(rig.store, claim.job.key)) == [1]
        assert outcomes(await rig.job(claim)) == [(1, "one", "failed")]
        assert one.open == 0


async def test_a_lost_terminal_is_followed_by_a_failed_one_and_its_fields() -> None:
    async with open_rig(keep_acknowledged=0.0) as rig:
        claim = await running(rig.store)

        async def crashed() -> None:
            await rig.stored()
            await crash(rig, claim)

        await rig.run(claim, one=Scripted([said("a"), rig.stored, said("b"), crashed]))
        terminal = await rig.end(claim)
        assert terminal.error is not None
        assert terminal.error.type == "frames_lost"
        assert outcomes(await rig.job(claim)) == [(1, "one", "completed")]


async def test_no_attempt_begins_over_a_stream_that_is_lost() -> None:
    async with open_rig(keep_acknowledged=0.0) as rig:
        claim = await running(rig.store)
        failed = Scripted(
            [lambda: lose_frames(rig), ProviderFailure(RETRY)], usage={"total_tokens": 9}
        )
        two = Scripted()
        await rig.run(claim, one=failed, two=two)
        assert outcomes(await rig.job(claim)) == [(1, "one", "failed")]
        assert two.calls == []


async def test_a_job_whose_stream_was_lost_can_still_be_taken_away() -> None:
    async with open_rig(keep_acknowledged=0.0) as rig:
        claim = await running(rig.store)
        silent = asyncio.Event()

        async def lost() -> None:
            await lose_frames(rig)
            silent.set()
            await asyncio.Event().wait()

        one = Scripted([lost])
        task = rig.start(claim, one=one)
        await silent.wait()
        await rig.store.jobs.cancel(claim.job.key)
        rig.hold.take_away()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert one.open == 0
        assert outcomes(await rig.job(claim)) == [(1, "one", "cancelled")]


async def test_reading_stops_while_too_much_is_unacknowledged() -> None:
    async with open_rig(max_pending=1000) as rig:
        claim = await running(rig.store)
        loop = asyncio.get_running_loop()
        answers = asyncio.Event()
        append = rig.store.streams.append
        pending: list[int] = []

        async def held(*args: Any) -> list[int]:
            await answers.wait()
            return await append(*args)

        async def note() -> None:
            pending.append(rig.hold.pen.pending)
            loop.call_soon(answers.set)

        cast(Any, rig.store.streams).append = held
        await rig.run(claim, one=Scripted([said("x" * 600), note, said("y" * 600), note]))
        assert pending[0] >= 600
        assert pending[1] <= 500


async def lose(rig: Rig, claim: Claim) -> None:
    """The lease expires and the job is rescued."""
    await rescue(rig.store)
    await raw(rig.store).hset(rig.store.keys.partitions[0].prefix + "tick", "until", 0)
    await expire(rig.store, claim.job.key)
    assert (await rescue(rig.store)).rescued == [claim.job.key]


async def lose_frames(rig: Rig) -> None:
    await rig.stored()
    rig.hold.pen.end(FramesLost(0))
    keys = names(rig.store, rig.hold.key)
    await raw(rig.store).delete(keys["stream"])
    await raw(rig.store).hset(keys["job"], "last", 0)

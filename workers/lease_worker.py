"""LeaseWorker: arq's worker, with claims and leases in place of its polling.

Kept from arq: construction, the function registry, the context, start-up and shutdown
hooks, signals, cron schedules, the serialiser. Replaced, since the stock ones poll, re-read
running jobs, forget to fence and take minutes to notice a death: ``main`` (poll loop),
``run_job`` (start, finish, results), ``run_cron`` (local), ``close`` and the shutdown. A
test pins the signatures of what is overridden here.

    wake and claim ─▶ Hold ─▶ run_job ─▶ function(ctx, key)
                       ▲  ▲
  ``renewal``: lost? ──┘  └─── control channel: cancelled

Four loops run beside the jobs: a poller a partition, the renewer, the rescuer, and the
writers' flushes. One that dies of a defect ends the worker: its leases expire and its jobs
are rescued, which is better than holding them without renewing.
"""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from functools import partial
from signal import Signals
from typing import Any

from arq.jobs import DeserializationError, deserialize_job_raw
from arq.worker import Function, Worker

from broker import log
from broker.dialects.registry import DIALECTS
from broker.errors import StoreAway
from broker.model import Failure
from broker.queue import deserialize, serialize
from broker.queue.rescuer import Rescuer
from broker.store import Store
from broker.store.keys import Partition
from broker.store.scripts import ReplyError, translate
from broker.store.wire import Wire
from broker.turns import Turns
from workers import cron
from workers.breakers import BreakerView
from workers.declining import decline, may_decline
from workers.hold import Hold
from workers.pen import Fenced
from workers.poller import Poller
from workers.read_backs import ReadBacks
from workers.renewal import Renewal
from workers.settling import Settling
from workers.slots import Slots
from workers.writer import Writer

_AWAY_WAIT = 0.1  # seconds between tries while the store is away
_NOT_RUNNABLE = Failure(
    type="internal_error", message="The worker does not know how to run this job.", status=500
)


class LeaseWorker(Worker):
    """Runs claimed jobs, at most ``concurrency`` at once."""

    def __init__(
        self, functions: list[Function], *, store: Store, holder: str, **options: Any
    ) -> None:
        settings = store.settings.worker
        super().__init__(
            functions,
            max_jobs=settings.concurrency,
            job_completion_wait=max(1, round(settings.drain)),
            job_timeout=1,  # not used: attempts have watchdogs of their own
            job_serializer=serialize,
            job_deserializer=deserialize,
            log_results=False,
            **options,
        )
        self.store = store
        self.holder = holder
        self.failed = False  # whether it stops because of a defect
        self.holds: dict[str, Hold] = {}
        self.writers = {
            partition.number: Writer(store.streams, partition, settings)
            for partition in store.keys.partitions
        }
        for partition in store.keys.partitions:
            claim_again = partial(store.queue.reclaim, partition, holder)
            self.writers[partition.number].reclaim = claim_again
        self.read_backs = ReadBacks(store)
        self.ctx["read_backs"] = self.read_backs
        self._settling: Settling | None = None
        self.rescuer = Rescuer(store, self._settle)
        self.breakers = BreakerView(store.breakers)
        self.ctx |= {"breakers": self.breakers, "holder": holder}
        self._breaker_channel = store.keys.breaker_channel.encode()
        self._settings = settings
        self.turns = Turns()
        self.renewal = Renewal(store, holder, self.holds, self.writers, self.turns)
        partitions = store.keys.partitions
        self.slots = Slots(
            settings.concurrency,
            settings.batch_share,
            len(partitions),
            settings.account_slots if store.settings.accounts else 0.0,
        )
        self._pollers = [
            Poller(
                store.queue,
                partition,
                holder,
                self.slots,
                self.writers[partition.number],
                start=self._start,
                ours=partial(self.renewal.ours, partition),
                is_open=lambda: self.allow_pick_jobs,
            )
            for partition in partitions
        ]
        self._polling: list[asyncio.Task[None]] = []
        self._control = Wire(
            store.settings.store_url.reveal(),
            name=f"{holder}-control",
            timeout=store.settings.store.timeout,
            home=store.connections,
            push=self._on_control,
            lost=self._on_control_lost,
        )
        self._control_task: asyncio.Task[None] | None = None

    async def main(self) -> None:
        """Start up, then run the loops until the worker is told to stop."""
        await self._know_layout()
        if self.on_startup:
            await self.on_startup(self.ctx)
        loops: list[Coroutine[Any, Any, None]] = [
            self.renewal.run(),
            self.rescuer.run(),
            self.breakers.run(),
            self.store.connections.watch(),
        ]
        loops += [writer.run() for writer in self.writers.values()]
        if self.cron_jobs:
            loops.append(self._cron())
        self._on_control_lost()  # subscribe
        self.turns.start()
        self.renewal.start()
        log.info("worker.started", holder=self.holder, concurrency=self.max_jobs)
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop)
            for poller in self._pollers:
                self._polling.append(group.create_task(poller.run()))
                self._polling.append(group.create_task(poller.fill_with_batch()))

    async def _know_layout(self) -> None:
        """Take no job before the store has said that its data is laid out as our settings say.

        Raises:
            ConfigError: it is laid out otherwise.
        """
        while not self.store.layout.known:
            try:
                await self.store.layout.check()
            except StoreAway:
                await asyncio.sleep(_AWAY_WAIT)

    # ── Jobs ──────────────────────────────────────────────────────────────────────────

    def _start(self, hold: Hold) -> None:
        before = self.holds.get(hold.key)
        if before is not None:  # rescued from ourselves, before we had noticed the loss
            before.take_away()
            self.slots.give_back(before.account, batch=before.batch)
        self.holds[hold.key] = hold
        self.slots.take(hold.account, batch=hold.batch)
        hold.task = self.loop.create_task(self.run_job(hold.key, 0), name=f"job {hold.key}")
        self.tasks[hold.key] = hold.task
        hold.task.add_done_callback(lambda task: self._done(hold, task))

    def _done(self, hold: Hold, task: asyncio.Task[Any]) -> None:
        if self.holds.get(hold.key) is hold:
            del self.holds[hold.key]
            del self.tasks[hold.key]
            self.slots.give_back(hold.account, batch=hold.batch)
        if hold.over:
            self.renewal.keep(hold)
        if task.cancelled() or isinstance(error := task.exception(), Fenced):
            self.jobs_retried += 1
        elif error is not None:
            self.jobs_failed += 1
            log.warning("job.crashed", job_key=hold.key, error=type(error).__name__)

    async def run_job(self, job_id: str, score: int) -> None:
        """Run the held job's function. What it leaves in the store is the function's affair.

        A task that this worker can't run is handed back, since another may. Once that has gone
        on for too long, it ends here: left to the rescuer, it would go round for ever, for only
        the function knows when the job has been lost too often.
        """
        hold = self.holds[job_id]
        try:
            name, args, kwargs, _, _ = deserialize_job_raw(
                hold.claim.task, deserializer=self.job_deserializer
            )
            function = self.functions[name]
            _ = DIALECTS[hold.claim.job.dialect]  # a newer release may know more of them
        except (DeserializationError, KeyError) as error:
            if isinstance(error, KeyError) and may_decline(hold.claim, self.store.settings):
                await decline(hold, self.store, self.holder)
                self.jobs_retried += 1
                return
            rid = hold.claim.job.request_id
            log.warning("job.not_runnable", request_id=rid, error=type(error).__name__)
            await hold.fail(_NOT_RUNNABLE)
            self.jobs_failed += 1
            return
        ctx = {**self.ctx, "job_id": job_id, "job_try": hold.claim.job.claims, "hold": hold}
        if self.on_job_start:
            await self.on_job_start(ctx)
        await function.coroutine(ctx, *args, **kwargs)
        self.jobs_complete += 1
        if self.on_job_end:
            await self.on_job_end(ctx)

    # ── Leases ────────────────────────────────────────────────────────────────────────

    def _holds_in(self, partition: Partition) -> list[Hold]:
        keys = self.store.keys
        return [hold for key, hold in self.holds.items() if keys.partition(key) is partition]

    def _on_control(self, channel: bytes, data: bytes) -> None:
        if channel == self._breaker_channel:
            self.breakers.on_change(data)
            return
        hold = self.holds.get(data.decode())
        if hold is not None and not hold.finished:
            hold.take_away()

    def _on_control_lost(self) -> None:
        if self._control_task is None or self._control_task.done():
            self._control_task = self.loop.create_task(self._listen())

    async def _listen(self) -> None:
        """Subscribe to our control channel and to the breakers'.

        What is missed meanwhile, renewal and the next reading of the breakers tell.
        """
        channel = self.store.keys.control_prefix + self.holder
        while True:
            try:
                await self._control.execute("SUBSCRIBE", channel)
                await self._control.execute("SUBSCRIBE", self._breaker_channel)
                return
            except (StoreAway, ReplyError) as error:
                if isinstance(error, ReplyError):
                    translate(error, "subscribe")  # says so in the log
                await asyncio.sleep(_AWAY_WAIT)

    def _settle(self, key: str) -> None:
        if self._settling is None:
            self._settling = Settling(self.store, self.ctx["providers"], self.read_backs)
        self._settling.add(key)

    # ── Cron ──────────────────────────────────────────────────────────────────────────

    async def _cron(self) -> None:
        while True:
            await self.run_cron(datetime.now(tz=self.timezone), 0.5)
            await asyncio.sleep(0.5)

    async def run_cron(self, n: datetime, delay: float, num_windows: int = 2) -> None:
        """Run what is due in this process; a unique job is run by the first worker to mark it."""
        await cron.run_due(self.cron_jobs, n, self.ctx, self.store)

    # ── The end ───────────────────────────────────────────────────────────────────────

    async def _wait_for_tasks_to_complete(self, signum: Signals) -> None:
        """Drain: finish what ends in time, hand the rest over at once, stop.

        A job is not handed over before the time is up, even if it has delivered nothing yet:
        its provider has been called, and another worker would have to call again.
        """
        log.info("worker.draining", signal=signum.name, running=len(self.holds))
        try:
            await self._stop_claiming()
            if self.tasks:
                await asyncio.wait(list(self.tasks.values()), timeout=self._settings.drain)
            await self._hand_over()
            for hold in list(self.holds.values()):  # its terminal could not be stored in time
                hold.take_away()
            await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        except Exception as error:
            self.failed = True
            log.warning("worker.defect", error=repr(error))
            raise
        finally:  # a defect in here must not leave a worker that takes no jobs and no signals
            if self.main_task is not None:
                self.main_task.cancel()
            if self.on_stop:
                self.on_stop(signum)

    async def _stop_claiming(self) -> None:
        """Let claims under way bring their jobs, then end the pollers: they'd take wake tokens."""
        try:
            async with asyncio.timeout(self._settings.renew):
                if self.slots.awaited:
                    for poller in self._pollers:
                        await poller.recall()
                while self.slots.awaited:
                    await self.slots.change()
        except (TimeoutError, StoreAway):
            pass  # the store is away: what was claimed will be rescued
        for polling in self._polling:
            polling.cancel()

    async def _hand_over(self) -> None:
        """Give our jobs back under new tokens, once what they wrote is stored."""
        flushes = [asyncio.ensure_future(hold.pen.settled()) for hold in self.holds.values()]
        if flushes:
            await asyncio.wait(flushes, timeout=self._settings.renew)
        for flush in flushes:
            flush.cancel()
        await asyncio.gather(*flushes, return_exceptions=True)
        for partition in self.store.keys.partitions:
            holds = [hold for hold in self._holds_in(partition) if not hold.finished]
            leases = [hold.leave() for hold in holds]
            for hold in holds:  # before anything is awaited: a run could begin one more call
                hold.take_away()
            try:
                count = await self.store.queue.release(partition, self.holder, leases, leaving=True)
            except StoreAway:
                log.warning("worker.not_released", jobs=len(leases))  # the rescuer will
            else:
                log.info("worker.released", jobs=count)

    async def close(self) -> None:
        """Stop what a dead loop left running, close our connections, run the shutdown hook."""
        tasks = list(self.tasks.values())
        for hold in list(self.holds.values()):
            hold.take_away()
        if self._settling is not None:
            await self._settling.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._control_task is not None:
            self._control_task.cancel()
        self.turns.stop()
        await self.renewal.close()
        await self._control.close()
        if self.on_shutdown:
            await self.on_shutdown(self.ctx)

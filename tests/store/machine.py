"""A store and its model side by side, and what has to agree between them after every step."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import fakeredis
import pytest
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
)

from broker.codec import decode, parse_definition
from broker.errors import JobGone, JobNotFound
from broker.frames import Frame, Kind
from broker.model import job_key
from tests.store.conftest import make_settings, open_at
from tests.store.held import Held
from tests.store.model import FINAL, OPEN, Model
from tests.store.samples import arm, lease_of, names, raw

T = TypeVar("T")
JOBS = [(account, name) for account in ("acme", "bolt") for name in ("r1", "r2", "r3")]
KEYS = [job_key(*job) for job in JOBS]
_DEPLOYMENTS = itertools.count(1)


class Compared(RuleBasedStateMachine):
    """The two, driven on a loop of their own; the rules are in ``callers`` and ``test_model``."""

    address: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        options = make_settings(self.address, deployment=f"model{next(_DEPLOYMENTS)}")
        self.store = open_at(self.address, fakeredis.FakeServer(), options)
        self.partition = self.store.keys.partitions[0]
        self.model = Model()
        self.held: list[Held] = []
        self.again: Callable[[], None] | None = None  # a call whose answer was lost, perhaps
        self.run(arm(self.store))

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(call)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.loop.close()

    def raises(self, call: Coroutine[Any, Any, Any], error: type[Exception]) -> None:
        with pytest.raises(error):
            self.run(call)

    def refused(self, key: str, call: Coroutine[Any, Any, Any]) -> bool:
        """Whether there is no such job (any more); the call must say so then."""
        error = {"missing": JobNotFound, "deleted": JobGone}.get(self.model.state(key))
        if error is not None:
            self.raises(call, error)
        return error is not None

    def last(self, key: str) -> int:
        return self.model.jobs[key].last if key in self.model.jobs else 0

    def current(self) -> list[Held]:
        """The claims that are in force."""
        return [held for held in self.held if self.model.holds(*held.pair)]

    def under_way(self) -> list[Held]:
        """Those of them whose stream has begun."""
        return [held for held in self.current() if self.last(held.pair[0])]

    # ── what always holds ──────────────────────────────────────────────────────────────

    @invariant()
    def records_and_streams_agree(self) -> None:
        records: dict[str, dict[bytes, bytes]] = {}
        for key in KEYS:
            record, entries, definitions, body, ttl = self.look(key)
            if key not in self.model.jobs:
                assert (record, entries, definitions, body) == ({}, [], {}, 0)
                continue
            job = self.model.jobs[key]
            assert record[b"state"].decode() == job.state
            assert (ttl > 0) is (job.state not in OPEN)
            assert bool(body) is job.keeps_body
            if job.state == "deleted":
                assert (len(record), entries, definitions) == (1, [], {})
                continue
            records[key] = record
            counts = ("last", "claims", "losses", "calling", "spent")
            assert {name: int(record.get(name.encode(), 0)) for name in counts} == {
                name: getattr(job, name) for name in counts
            }
            assert (b"deadline" in record) is (b"allowed" in record) is job.deadline
            assert (b"delivered" in record) is job.delivered
            assert (b"holder" in record) is (job.state == "running")
            self.check_stream(key, entries, definitions)
        self.model.learn({key: int(record[b"token"]) for key, record in records.items()})

    def check_stream(self, key: str, entries: list[Any], definitions: dict[bytes, bytes]) -> None:
        job = self.model.jobs[key]
        templates = {int(n): parse_definition(text) for n, text in definitions.items()}
        found: list[Frame] = []
        for identity, fields in entries:
            found += decode(fields[b"f"], templates)
            assert identity == b"%d-0" % (job.last - len(job.frames) + len(found))
        assert found == [job.frames[number] for number in sorted(job.frames)]
        assert sorted(job.frames) == list(range(job.last - len(found) + 1, job.last + 1))
        terminals = [number for number, f in enumerate(found, 1) if f.kind == Kind.TERMINAL]
        assert terminals == ([len(found)] if job.state in FINAL else [])

    def look(self, key: str) -> Any:
        """The job's record, entries, templates, whether its body is there, the record's ttl."""
        name = names(self.store, key)
        pipe = raw(self.store).pipeline(transaction=False)
        pipe.hgetall(name["job"])
        pipe.xrange(name["stream"])
        pipe.get(name["ended"])
        pipe.hgetall(name["templates"])
        pipe.exists(name["body"])
        pipe.pttl(name["job"])
        record, entries, ended, *rest = self.run(pipe.execute())
        if ended is not None:
            assert record[b"state"].decode() in FINAL
            assert entries == []
            last, _, payload = ended.partition(b"\n")
            entries = [(last + b"-0", {b"f": payload})]
        return record, entries, *rest

    async def waits(self) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = await raw(self.store).hgetall(self.partition.prefix + "waits")
        return found

    @invariant()
    def every_open_job_is_in_its_one_place(self) -> None:
        prefix = self.partition.prefix
        pipe = raw(self.store).pipeline(transaction=False)
        for name in ("queue", "batch", "due", "leases", "watched"):
            pipe.zrange(prefix + name, 0, -1)
        pipe.smembers(prefix + "open")
        pipe.hgetall(prefix + "busy")
        pipe.llen(self.partition.wake)
        pipe.llen(self.partition.wake_batch)
        pipe.zrange(prefix + "unsettled", 0, -1)
        queue, batch, due, leases, watched, opened, busy, tokens, tokens_batch, unsettled = (
            self.run(pipe.execute())
        )
        assert {key.decode() for key in unsettled} == self.model.unsettled()
        assert [member[16:].decode() for member in queue] == self.model.queue()
        assert [member[16:].decode() for member in batch] == self.model.queue(batch=True)
        assert {key.decode() for key in due} == set(self.model.having("queued"))
        held = [self.run(lease_of(self.store, key)) for key in self.model.having("running")]
        assert {member.decode() for member in leases} == set(held)
        assert {key.decode() for key in watched} == self.model.watched()
        assert {key.decode() for key in opened} == set(self.model.opened())
        assert {name.decode(): int(count) for name, count in busy.items()} == self.model.busy()
        waits = {name.decode(): int(n) for name, n in self.run(self.waits()).items() if int(n)}
        assert waits == self.model.waits()
        assert tokens <= len(queue)
        assert tokens_batch <= len(batch)

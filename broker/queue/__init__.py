"""Enqueue by name: how a request becomes a job that a worker's function will run.

This is the broker's only import of arq. arq carries the function's name and the job's key,
packed as msgpack; never a body, never a secret, never a pickle. The queue itself is the
store's (see ``broker.store.lua.create``), since arq's own keeps running jobs in it.
"""

import time
from typing import Any

import msgspec
from arq.jobs import serialize_job

from broker.model import Options, job_key, request_digest
from broker.offload.tasks import Examined
from broker.store import Store
from broker.store.new_job import Creation, Limits, NewJob
from broker.store.scripts import Executor

GENERATE = "generate"  # the function that runs an inference

serialize = msgspec.msgpack.encode


def deserialize(data: bytes) -> dict[str, Any]:
    """What ``serialize`` packed: arq's job as a dict."""
    unpacked: dict[str, Any] = msgspec.msgpack.decode(data)
    return unpacked


class Submission(msgspec.Struct, frozen=True):
    """A request for an inference. ``body`` is the caller's JSON, ``request`` what it says.

    ``deadline`` and ``grace`` are what the options and the route come to, in seconds from
    now; None for none.
    """

    account: str
    request_id: str
    dialect: str
    request: dict[str, Any]
    body: bytes
    metadata: dict[str, Any] | None = None
    options: Options = Options()
    meaning: str | None = None  # of the model's name, if another: see ``broker.catalog.naming``
    deadline: float | None = None
    grace: float | None = None
    limits: Limits = Limits()
    admitted: bool = True
    join: float | None = None  # what its options or its route say: see ``broker.api.joined``
    keep: bool = False  # the body, for as long as the stream
    examined: Examined | None = None  # what is known of a large body; ``request`` is its outline
    lost: tuple[str, ...] = ()  # see ``expressible``

    @property
    def key(self) -> str:
        return job_key(self.account, self.request_id)

    @property
    def digest(self) -> str:
        if self.examined is not None:
            return self.examined.digest
        return request_digest(self.dialect, self.request)


async def enqueue(
    store: Store,
    submission: Submission,
    function: str = GENERATE,
    *,
    over: Executor | None = None,
) -> Creation:
    """Create the job and queue it for ``function``, or find the same job there already.

    ``over`` is as in ``Jobs.create``.

    Raises:
        RequestIdReused, JobGone, QueueFull, AccountBusy: see ``Jobs.create``.
        StoreAway, StoreFull.
    """
    key = submission.key
    task = serialize_job(function, (key,), {}, None, int(time.time() * 1000), serializer=serialize)
    return await store.jobs.create(
        NewJob(
            key=key,
            account=submission.account,
            request_id=submission.request_id,
            dialect=submission.dialect,
            model=submission.request["model"],
            digest=submission.digest,
            body=submission.body,
            task=task,
            metadata=submission.metadata,
            options=submission.options,
            meaning=submission.meaning,
            deadline=submission.deadline,
            grace=submission.grace,
            limits=submission.limits,
            admitted=submission.admitted,
            keep=submission.keep,
            outline=submission.examined.outline if submission.examined else None,
            upload=submission.examined.upload if submission.examined else None,
        ),
        over,
    )

"""Joinable calls: which jobs a call that comes again without a key may attach to.

A caller that has no key names its call by what it asks: the account, the request's digest and the
targets that it was narrowed to. Under that name the store keeps, for each call that is joinable,
its request id and who holds its reader:

    join ─▶ held by a process ──its reader took the whole answer──▶ gone
               ▲        │
               │        ├─ the process says that the reader left
               │        └─ the process is not heard of any more
               │                      │
               └──── joined by ◀──── lost, for the seconds that were asked for
                    one equal call

All names of one digest are in one partition, its home, so one script decides for all callers.
What it gives is a request id; the job is created, or found, under that as ever. So a caller or a
process may die anywhere in between: the id is given to the next equal call, and is still one job.

A process says that it is there every ``BEAT`` seconds, in the partitions in which it holds such
readers, and when another process asks it: a call that equals one that is being read waits until
that is known for certain, at most ``LONGEST`` seconds.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Literal, NamedTuple

from broker.settings import Settings
from broker.store.keys import Keys, Partition
from broker.store.scripts import Scripts
from broker.store.stand_in import Order

BEAT = 0.5  # seconds between two beats
SETTLING = 0.2  # seconds in which the news of a cut may still be on its way
LAPSE = 2.0  # seconds without a beat after which a process is gone,
UNCONNECTED = 1.0  # if it has no connection
LONGEST = 5.0  # seconds that a call waits to know what became of its equals
MOST = 1000  # equal calls at once; what goes beyond is not joinable

Ending = Literal["left", "ended"]
Held = Literal["nothing", "held", "read"]  # read: by somebody else, as far as is known
_HELD: tuple[Held, ...] = ("nothing", "held", "read")


class Joined(NamedTuple):
    """What a call got: the request id of its job, and whether that is another call's.

    ``waits_since`` (ms of the store's clock): it is not known yet; ask again with that. ``equals``:
    among so many equal calls.
    """

    request_id: str
    joined: bool = False
    waits_since: int = 0
    equals: int = 0


class Seen(NamedTuple):
    """What became of a reader. ``job_key`` is empty where the store's answer was lost."""

    name: str
    job_key: str
    mark: str
    ending: Ending


def name_of(account: str, digest: str, targets: Sequence[str] | None = None) -> str:
    """The name of equal calls: 20 characters, 120 bits of SHA-256."""
    parts = (account, digest, *(targets or ()))
    text = b"".join(b"%d:%s" % (len(each), each) for each in map(str.encode, parts))
    return urlsafe_b64encode(hashlib.sha256(text).digest()[:15]).decode()


class Joins:
    """The joinable calls of a deployment, as one process (``holder``) sees them."""

    def __init__(self, scripts: Scripts, keys: Keys, settings: Settings) -> None:
        self._scripts = scripts
        self._keys = keys
        tick = settings.worker.rescue_tick
        self._times = [round(s * 1000) for s in (SETTLING, LAPSE, UNCONNECTED, LONGEST, tick)]

    def home(self, name: str) -> Partition:
        """The partition that keeps the calls of a name."""
        return self._keys.partition(name)

    def channel(self, holder: str) -> str:
        """On which a process is asked whether it is there."""
        return self._keys.asked_prefix + holder

    async def join(
        self,
        name: str,
        key: str,
        request_id: str,
        holder: str,
        mark: str,
        *,
        seconds: float,
        since: int = 0,
    ) -> Joined:
        """The request id for a call: of a lost equal one, or its own; see ``Joined``.

        ``key`` is the job's key of its own request id, ``since`` what the answer before said.

        Raises:
            StoreAway: it may hold a reader by now, under this mark.
        """
        reply = await self._scripts.run(
            "join",
            self.home(name).prefix,
            name,
            key,
            request_id,
            holder,
            mark,
            round(seconds * 1000),
            since,
            *self._times,
            self._keys.asked_prefix,
            MOST,
        )
        match reply[0]:
            case b"joined":
                return Joined(reply[1].decode(), joined=True)
            case b"wait":
                return Joined(request_id, waits_since=int(reply[1]), equals=int(reply[2]))
            case _:
                return Joined(request_id)

    async def hold(self, name: str, key: str, holder: str, mark: str, *, begun: bool) -> Held:
        """Hold a reader that comes back to a joinable job, if that job can be held.

        ``begun``: it has read some of the stream, and goes before one that seems to be there.

        Raises:
            StoreAway: it may be held by now, under this mark.
        """
        prefix = self.home(name).prefix
        reply = await self._scripts.run("hold", prefix, name, key, holder, mark, int(begun))
        return _HELD[int(reply)]

    async def report(
        self, partition: Partition, holder: str, seen: Sequence[Seen], kept: dict[str, float]
    ) -> None:
        """Say what became of readers, and beat. ``kept`` has seconds asked, by name.

        Raises:
            StoreAway.
        """
        flat = [part for each in seen for part in each]
        names = [part for name, s in kept.items() for part in (name, round(s * 1000))]
        await self._scripts.run("readers", partition.prefix, holder, 1, len(seen), *flat, *names)

    def beat(self, partition: Partition, holder: str) -> Order:
        """The order of a beat that a process's loop is too busy to send."""
        return "readers", partition.prefix, (holder, 0, 0)

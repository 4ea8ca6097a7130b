"""Circuit breakers, one a target, shared by all workers through the store.

The store counts and decides (``breaker.lua``); workers keep a copy of the states, which is
published with every change, so that choosing a target costs no round trip. Only the single
trial of a breaker whose cooldown is over is asked for (``trial.lua``).
"""

from collections.abc import Sequence
from typing import Literal, cast

import msgspec
from redis.asyncio import Redis

from broker.model import Failure
from broker.settings import Settings
from broker.settings.patterns import STAR
from broker.store.connection import each, store_errors
from broker.store.keys import Keys
from broker.store.scripts import Scripts

State = Literal["closed", "open", "half-open"]

# Breakers of targets that no route names, and as many of those of them that have never answered;
# those that count nothing go first.
MOST = 1000


class Breaker(msgspec.Struct, frozen=True):
    """The breaker of one target, named PROVIDER/MODEL.

    ``wait`` is the seconds, from when this was read, until a trial may be made; ``good`` and
    ``bad`` count the calls of the current window. ``why`` is how the last one that counts as bad
    failed, without a provider's words but where they are about the operator's model.
    """

    name: str
    state: State
    wait: float = 0.0
    good: int = 0
    bad: int = 0
    changed_ms: int | None = None  # Unix ms of the store's clock
    why: Failure | None = None
    why_ms: int | None = None  # Unix ms, when that was counted


class Breakers:
    """The breakers of a deployment; they live in its first partition."""

    def __init__(self, scripts: Scripts, client: Redis, keys: Keys, settings: Settings) -> None:
        self._scripts = scripts
        self._client = client
        # The targets that the operator has named.
        named = (name for each in settings.routes.values() for name in each.names)
        self.routed = frozenset(name for name in named if STAR not in name)
        self._prefix = keys.partitions[0].prefix
        self._channel = keys.breaker_channel
        limits = settings.breaker
        self._cooldown_ms = int(limits.cooldown * 1000)
        self._trial_ms = int(limits.trial * 1000)
        self._limits: tuple[str | int, ...] = (
            int(limits.window * 1000),
            limits.least_calls,
            str(limits.failure_ratio),
            self._cooldown_ms,
        )
        self._half_ms = int(limits.window * 1000) / 2

    async def report(
        self,
        name: str,
        good: int,
        bad: int,
        *,
        trial: bool = False,
        known: bool = True,
        why: Failure | None = None,
    ) -> Breaker:
        """Count calls that ended, the trial among them or not; the breaker as it is now.

        ``known`` says that a route names the target, or that it has answered before; ``why`` is how
        the last of those that were bad failed.
        """
        reply = await self._scripts.run(
            "breaker",
            self._prefix,
            name,
            good,
            bad,
            int(trial),
            *self._limits,
            self._channel,
            "own" if name in self.routed else "found" if known else "made",
            MOST,
            self._trial_ms,
            b"" if why is None else msgspec.json.encode(why),
        )
        state, wait = reply
        return Breaker(name, state.decode(), int(wait) / 1000)

    async def trial(self, name: str) -> tuple[bool, Breaker]:
        """Whether a call may be made now, as the trial unless it is closed; and the breaker."""
        granted, state, wait = await self._scripts.run(
            "trial", self._prefix, name, self._trial_ms, self._channel, self._cooldown_ms
        )
        return bool(granted), Breaker(name, state.decode(), int(wait) / 1000)

    async def all(self) -> list[Breaker]:
        """Every breaker that has counted a call, by name: the operator's, and MOST others that
        have answered.

        Raises:
            StoreAway.
        """
        with store_errors():
            pipe = self._client.pipeline(transaction=False)
            for kind in ("own", "found"):
                pipe.zrange(f"{self._prefix}breakers:{kind}", 0, -1)
            own, found = await pipe.execute()
        return await self.of(sorted(name.decode() for name in (*own, *found)))

    async def of(self, names: Sequence[str]) -> list[Breaker]:
        """Those of these names that have counted a call.

        Raises:
            StoreAway.
        """
        with store_errors():
            pipe = self._client.pipeline(transaction=False)
            pipe.time()
            for name in names:
                pipe.hgetall(f"{self._prefix}breaker:{name}")
            (seconds, micros), *records = await each(pipe)
        now = seconds * 1000 + micros // 1000
        half_window = int(now // self._half_ms)
        longest = max(self._cooldown_ms, self._trial_ms)
        return [
            _parse(name, record, (now, half_window, longest))
            for name, record in zip(names, records, strict=True)
            if record
        ]


def parse_change(data: bytes) -> Breaker:
    """The breaker in a published change."""
    state, wait, name = data.decode().split(" ", 2)
    return Breaker(name, cast(State, state), int(wait) / 1000)


def _parse(name: str, record: dict[bytes, bytes], clock: tuple[int, int, int]) -> Breaker:
    """``clock`` is the time in ms and in half windows, and the longest time of a state in ms."""
    now, half_window, longest = clock

    def number(*fields: bytes) -> int:
        return sum(int(record.get(field, b"0")) for field in fields)

    # What the record counts is of the half window of its last call, and of the one before.
    age = half_window - number(b"bucket")
    halves = 2 if age <= 0 else max(0, 2 - age)

    return Breaker(
        name,
        cast(State, record[b"state"].decode()),
        min(max(0, number(b"until") - now), longest) / 1000,  # the clock may have gone back
        number(*(b"good", b"good0")[:halves]),
        number(*(b"bad", b"bad0")[:halves]),
        number(b"changed") or None,
        _why(record.get(b"why", b"")),
        number(b"why_at") or None,
    )


def _why(data: bytes) -> Failure | None:
    """None of what a newer release wrote in another way: it is for people."""
    try:
        return msgspec.json.decode(data, type=Failure) if data else None
    except msgspec.DecodeError:
        return None

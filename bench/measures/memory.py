"""Memory in the store: what a stored token takes, and what a finished job leaves beside them.

Three loads of OpenAI-shaped chunks with five-byte tokens, with the random obfuscation string
and without: *burst* as fast as the provider sends, so that frames travel together; *paced* at
one token every 20 ms, where each is an entry of its own until the job ends; and short jobs, for
all that is not tokens. A stream and its templates count as the tokens' memory, by the store's
own MEMORY USAGE; what INFO says the whole store grew by stands beside it.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from redis import Redis

from bench.figures import STREAMHOLD, Figure, at_most
from bench.load import streams
from bench.run import Run

_GOALS = {"plain": at_most(20), "obfuscated": at_most(40)}  # bytes a token
_JOB_GOAL = at_most(2048)  # bytes
_KINDS = {"plain": ",size=5", "obfuscated": ",size=5,obfuscation"}
_JOB_TOKENS = 20  # of a short job
_SETTLE = 0.3  # seconds


class Kept:
    """What the store holds, by the kind of key."""

    def __init__(self, url: str) -> None:
        self._store = Redis.from_url(url)
        self._known: set[bytes] = set()
        self._used = 0

    def mark(self) -> None:
        """From now on only what is new counts."""
        self._known = set(self._keys())
        self._used = self._in_use()

    def grown(self) -> int:
        """Bytes that the whole store has grown by."""
        return self._in_use() - self._used

    def entries(self) -> int:
        """Entries of the streams that are new; one that is kept whole is one."""
        new = self._new()
        whole = sum(b":ended:" in key for key in new)
        return whole + sum(self._ask("XLEN", key) for key in new if b":stream:" in key)

    def bytes_of(self, *kinds: str) -> int:
        """Bytes of the new keys of these kinds, keys and containers included."""
        marks = [f":{kind}:".encode() for kind in kinds]
        return sum(
            self._ask("MEMORY", "USAGE", key, "SAMPLES", 0)
            for key in self._new()
            if any(mark in key for mark in marks)
        )

    def close(self) -> None:
        self._store.close()

    def _new(self) -> set[bytes]:
        return set(self._keys()) - self._known

    def _keys(self) -> Iterator[bytes]:
        return iter(self._store.scan_iter(count=1000))

    def _in_use(self) -> int:
        info: Any = self._store.info("memory")
        return int(info["used_memory"])

    def _ask(self, *words: str | bytes | int) -> int:
        """The number that a command answers with; nothing counts as none."""
        answer: Any = self._store.execute_command(*words)  # type: ignore[no-untyped-call]
        return int(answer or 0)


async def measure(run: Run) -> list[Figure]:
    """Bytes a token for every load, and bytes a finished job."""
    kept = Kept(run.streamhold.state.store_url)
    plan = run.plan
    try:
        figures: list[Figure] = []
        for pace, interval, tokens in (
            ("burst", "0", plan.memory_tokens),
            ("paced", "20ms", plan.memory_paced_tokens),
        ):
            for kind, option in _KINDS.items():
                model = f"tokens={tokens},interval={interval}{option}"
                figures.append(await _tokens(run, kept, f"{kind}_{pace}", model, tokens))
        token = figures[0].values[STREAMHOLD]
        return figures + await _finished(run, kept, token)
    finally:
        kept.close()


async def _tokens(run: Run, kept: Kept, name: str, model: str, tokens: int) -> Figure:
    jobs = run.plan.memory_jobs
    kept.mark()
    await streams(run.streamhold.broker, model, jobs, 0.02)
    await asyncio.sleep(_SETTLE)
    stored = kept.bytes_of("stream", "ended", "templates") / jobs / tokens
    entries = jobs * tokens / kept.entries()
    grown = kept.grown() / jobs / tokens
    note = f"{entries:.1f} tokens an entry; the whole store grew by {grown:.0f} B"
    goal = _GOALS[name.partition("_")[0]]
    return Figure(f"memory.{name}", "B/token", {STREAMHOLD: stored}, None, note, (goal,))


async def _finished(run: Run, kept: Kept, token: float) -> list[Figure]:
    """Of jobs long enough to have a template; ``token`` are the bytes that each token takes."""
    jobs = run.plan.record_jobs
    kept.mark()
    model = f"tokens={_JOB_TOKENS},interval=0,size=5"
    await streams(run.streamhold.broker, model, jobs, jobs / 200)
    await asyncio.sleep(_SETTLE)
    parts = {
        "record": kept.bytes_of("job") / jobs,
        "stream": kept.bytes_of("stream", "ended") / jobs,
        "templates": kept.bytes_of("templates") / jobs,
    }
    whole = kept.grown() / jobs
    beside = whole - parts["templates"] - _JOB_TOKENS * token
    unit, note = "B", f"{_JOB_TOKENS} tokens each"
    return [
        *(
            Figure(f"memory.finished_job_{kind}", unit, {STREAMHOLD: size})
            for kind, size in parts.items()
        ),
        Figure("memory.finished_job_in_all", unit, {STREAMHOLD: whole}, None, note),
        Figure(
            "memory.finished_job_overhead",
            unit,
            {STREAMHOLD: beside},
            None,
            "of it, beside template and tokens",
            (_JOB_GOAL,),
        ),
    ]

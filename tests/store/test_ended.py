"""An ended stream over every store: kept in less, and read the same from every cursor."""

import asyncio
import itertools
import random
from typing import Any

import fakeredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.codec import Encoder, Template, decode, parse_definition
from broker.errors import JobGone
from broker.frames import Frame, Kind, data_frame
from broker.model import JobState, job_key
from broker.store import Store
from broker.store.queue import Claim
from broker.store.record import CALLING_TOLD
from broker.store.streams import Batch, Verdict
from tests.store.conftest import Open, make_settings, open_at
from tests.store.samples import (
    TTL_SLACK,
    append,
    batch,
    frames,
    left,
    names,
    numbered,
    raw,
    running,
    terminal,
)

KEY = job_key("acme", "r1")
STREAM_TTL = 3600.0
PROPERTY = settings(max_examples=60, derandomize=True, deadline=None)
_NUMBERS = itertools.count(1)

# Bodies that begin and end alike, overlap with themselves, or look like payload bytes.
piece = st.sampled_from(
    [b"", b"a", b"aaaa" * 9, b'data: {"id":"c-1","n":', b"}}" * 20, b"\x00\x80A"]
)
body = st.builds(lambda *parts: b"".join(parts), piece, st.binary(max_size=9), piece, piece)
some_frame = st.builds(Frame, st.sampled_from([0, 0, 0, 1, 2, 3]), body)


@pytest.fixture
def store(open_here: Open) -> Store:
    return open_here(stream_ttl=STREAM_TTL)


class Written:
    """A stream as a holder writes it: compact frames, in batches."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.last = 0
        self.encoder = Encoder()
        self.templates: dict[int, Template] = {}

    def batch(self, some: list[Frame], final: JobState | None = None) -> Batch:
        payload = bytearray()
        if final is not None:
            some = [*some, terminal(final)]
        for frame in some:
            self.encoder.encode(frame.kind, frame.body, payload)
        definitions = self.encoder.take_fresh()
        self.templates |= {number: parse_definition(text) for number, text in definitions}
        assert decode(bytes(payload), self.templates) == some
        first, self.last = self.last + 1, self.last + len(some)
        return Batch(
            key=self.claim.job.key,
            token=self.claim.token,
            first=first,
            last=self.last,
            payload=bytes(payload),
            definitions=tuple(definitions),
            fields=(CALLING_TOLD, ("delivered", b"1")),
            final=final,
        )


def chunk(delta: bytes, reason: bytes = b"null", more: bytes = b"null") -> Frame:
    return data_frame(
        Kind.DIALECT,
        b'{"id":"chatcmpl-XQNQXoKcJh1JFswYSLBVZ5ZOI9edV","object":"chat.completion.chunk",'
        b'"created":1750000000,"model":"gpt-5-mini-2026-08-07","service_tier":"default",'
        b'"system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":%b,"logprobs":null,'
        b'"finish_reason":%b}],"usage":%b}' % (delta, reason, more),
    )


def answer(tokens: int) -> list[Frame]:
    """A chat answer of so many five-letter tokens, without its terminal."""
    draw = random.Random(tokens)
    words = ["".join(draw.choices("abcdefghij", k=5)).encode() for _ in range(tokens)]
    return [
        data_frame(Kind.NATIVE, b'{"number":1,"provider":"p","model":"gpt-5-mini"}', b"attempt"),
        chunk(b'{"role":"assistant","content":"","refusal":null}'),
        *(chunk(b'{"content":"%b"}' % word) for word in words),
        chunk(b"{}", b'"stop"'),
    ]


async def write(store: Store, some: list[Frame], *, at_once: int) -> None:
    """Write them and a terminal, so many a batch, and end the job."""
    written = Written(await running(store))
    for place in range(0, len(some), at_once):
        final = JobState.COMPLETED if place + at_once >= len(some) else None
        assert await append(store, written.batch(some[place : place + at_once], final)) == [0]


async def check(store: Store, some: list[Frame]) -> None:
    """The stream holds these frames and a terminal, whatever the cursor."""
    whole = dict(enumerate([*some, terminal(JobState.COMPLETED)], 1))
    for cursor in range(len(whole) + 2):
        read = await store.streams.read(KEY, cursor, 1000, 1 << 30)
        assert numbered(read, cursor) == {n: frame for n, frame in whole.items() if n > cursor}
        assert (read.state, read.last) == (JobState.COMPLETED, len(whole))


async def kept(store: Store) -> tuple[int, int]:
    """Bytes of the string that a short stream is kept in, entries of a long one."""
    of = names(store, KEY)
    return await raw(store).strlen(of["ended"]), await raw(store).xlen(of["stream"])


def about(milliseconds: int, seconds: float) -> bool:
    return seconds * 1000 - TTL_SLACK < milliseconds <= seconds * 1000


@pytest.mark.parametrize("at_once", [1, 2, 7, 99])
async def test_a_short_stream_is_one_string(store: Store, at_once: int) -> None:
    some = answer(20)
    await write(store, some, at_once=at_once)
    await check(store, some)
    size, entries = await kept(store)
    assert (0 < size < 500, entries) == (True, 0), "its tokens are 20 * 7 bytes of that"
    assert about(await left(store, names(store, KEY)["ended"]), STREAM_TTL)


async def test_a_long_stream_is_put_together(store: Store) -> None:
    some = answer(800)
    await write(store, some, at_once=1)
    await check(store, some)
    size, entries = await kept(store)
    assert (size, 0 < entries < 10) == (0, True)
    assert about(await left(store, names(store, KEY)["stream"]), STREAM_TTL)


async def test_a_stream_of_long_entries_is_left_alone(store: Store) -> None:
    some = [Frame(Kind.WHOLE, b"data: " + b"x" * 300_000), Frame(Kind.NATIVE, b"event: a\ndata: 1")]
    await write(store, some, at_once=1)
    await check(store, some)
    assert await kept(store) == (0, 2)


async def test_what_is_kept_whole_is_a_duplicate_when_sent_again(store: Store) -> None:
    written = Written(await running(store))
    batches = [written.batch(answer(3)), written.batch([], JobState.FAILED)]
    assert await append(store, *batches) == [Verdict.APPENDED] * 2
    assert await append(store, *batches) == [Verdict.DUPLICATE] * 2
    assert list((await frames(store, KEY)).values()) == [*answer(3), terminal(JobState.FAILED)]


async def test_the_terminal_of_a_cancel_is_kept_with_the_rest(store: Store) -> None:
    written = Written(await running(store))
    await append(store, written.batch(answer(5)))
    before = await frames(store, KEY)
    assert await store.jobs.cancel(KEY) is JobState.CANCELLED
    after = await frames(store, KEY)
    assert {number: after[number] for number in before} == before
    assert [frame.kind for frame in after.values()][-1] == Kind.TERMINAL
    assert len(after) == len(before) + 1
    assert (await kept(store))[1] == 0


async def test_a_deleted_job_leaves_nothing_of_it(store: Store) -> None:
    await write(store, answer(5), at_once=3)
    await store.jobs.delete(KEY)
    assert await raw(store).exists(*names(store, KEY).values()) == 1, "the tombstone"
    with pytest.raises(JobGone):
        await store.streams.read(KEY, 0, 10)


async def test_payloads_that_nobody_can_read_are_kept_as_they_are(store: Store) -> None:
    claim = await running(store)
    odd = [b"\x05\x7f", b"\x40\xff", b"\xff\xff\xff", b"\x40\x90\x01abc"]
    broken = ((0, b"\xff"),)
    batches = [batch(claim, n, payload=p, definitions=broken) for n, p in enumerate(odd, 1)]
    assert await append(store, *batches, batch(claim, 5, final=JobState.COMPLETED)) == [0] * 5
    end = batch(claim, 5, final=JobState.COMPLETED).payload
    assert await raw(store).get(names(store, KEY)["ended"]) == b"5\n" + b"".join(odd) + end


async def test_an_end_while_a_reader_asks_shows_all_of_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream ends between the reader's two looks: at its entries, then for the string."""
    written = Written(await running(store))
    await append(store, written.batch(answer(2)))
    end = written.batch([chunk(b"{}")], JobState.COMPLETED)
    client = raw(store)
    pipeline = client.pipeline

    def stepwise(*, transaction: bool) -> Any:
        pipe = pipeline(transaction=transaction)

        async def execute() -> list[Any]:
            replies = []
            for arguments, options in pipe.command_stack:
                replies.append(await client.execute_command(*arguments, **options))
                if arguments[0] == "EVALSHA":
                    await append(store, end)
            return replies

        pipe.execute = execute
        return pipe

    monkeypatch.setattr(client, "pipeline", stepwise)
    read = await store.streams.read(KEY, 3, 10)
    expected = [*answer(2), chunk(b"{}"), terminal(JobState.COMPLETED)]
    assert numbered(read, 3) == {n: f for n, f in enumerate(expected, 1) if n > 3}


@PROPERTY
@given(st.lists(some_frame, max_size=30), st.integers(1, 9))
def test_any_short_stream_comes_back_byte_for_byte(some: list[Frame], at_once: int) -> None:
    async def run() -> None:
        options = make_settings(None, deployment=f"ended{next(_NUMBERS)}")
        store = open_at(None, fakeredis.FakeServer(), options)
        try:
            await write(store, some or [Frame(Kind.NATIVE, b"")], at_once=at_once)
            await check(store, some or [Frame(Kind.NATIVE, b"")])
        finally:
            await store.close()

    asyncio.run(run())

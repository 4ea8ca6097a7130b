"""The soak's proxy: it carries everything, and fails in the ways it is told to."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator

import pytest

from tests.soak.proxy import Link

Pair = tuple[StreamReader, StreamWriter]


async def _echo(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while data := await reader.read(1000):
            writer.write(data)
        writer.write(b"bye")
    except OSError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """A link to a server that says everything back, and ``bye`` at the end."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    made = await Link("echo", server.sockets[0].getsockname()[:2]).start()
    yield made
    await made.close()
    server.close()
    await server.wait_closed()


async def _connect(link: Link) -> Pair:
    """A connection that is known to be carried."""
    pair = await asyncio.open_connection("127.0.0.1", link.port)
    assert await _said_back(pair, b"hello") == b"hello"
    return pair


async def _said_back(pair: Pair, data: bytes) -> bytes:
    pair[1].write(data)
    return await pair[0].readexactly(len(data))


async def _ended(pair: Pair) -> bool:
    """Whether it ends with nothing more said, cleanly or not."""
    try:
        return await pair[0].read(1) == b""
    except ConnectionError:
        return True
    finally:
        pair[1].close()


async def test_both_directions_and_their_ends_are_carried(link: Link) -> None:
    reader, writer = await _connect(link)
    sent = b"x" * 300_000
    writer.write(sent)
    writer.write_eof()
    assert await reader.read(-1) == sent + b"bye"
    writer.close()
    assert link.carried == 1


@pytest.mark.parametrize("reset", [False, True])
async def test_a_cut_ends_every_connection(link: Link, reset: bool) -> None:
    pairs = [await _connect(link) for _ in range(3)]
    assert link.cut(reset=reset) == 3
    assert all([await _ended(pair) for pair in pairs])
    (await _connect(link))[1].close()


async def test_a_reset_is_one(link: Link) -> None:
    reader, writer = await _connect(link)
    link.cut(reset=True)
    with pytest.raises(ConnectionResetError):
        await reader.read(1)
    writer.close()


async def test_one_is_cut_and_the_others_go_on(link: Link) -> None:
    pairs = [await _connect(link) for _ in range(3)]
    assert link.cut_one(4) == 1  # the second of three
    assert await _ended(pairs[1])
    for pair in (pairs[0], pairs[2]):
        assert await _said_back(pair, b"still") == b"still"
        pair[1].close()


async def test_new_ones_are_refused_until_it_heals(link: Link) -> None:
    link.refusing = True
    assert await _ended(await asyncio.open_connection("127.0.0.1", link.port))
    link.heal()
    (await _connect(link))[1].close()


async def test_a_stalled_link_loses_nothing(link: Link) -> None:
    pair = await _connect(link)
    link.stall()
    late = asyncio.ensure_future(_said_back(pair, b"late"))
    done, _ = await asyncio.wait([late], timeout=0.05)
    assert not done
    link.heal()
    assert await late == b"late"
    pair[1].close()


async def test_nothing_behind_it_is_a_refusal() -> None:
    link = await Link("nothing").start()
    assert await _ended(await asyncio.open_connection("127.0.0.1", link.port))
    await link.close()

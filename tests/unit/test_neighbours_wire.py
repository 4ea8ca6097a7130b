"""How attackers' steps are carried out on the wire, and how ``/healthz`` is looked at."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from tests.neighbours.attacks.strike import Ask, Body, Piece, Raw, Strike, Wait
from tests.neighbours.history import History, Line, Probe, Probed
from tests.neighbours.prober import Prober
from tests.neighbours.wire import Striking

_OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
_BODY = Body((Piece(b"ab", 500),))

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError, OSError, EOFError):
            await serve(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()


class Taken:
    """Takes all that comes until its sender stops, answers, and keeps it."""

    def __init__(self, enough: int, answer: bytes = _OK) -> None:
        self.bodies: list[bytes] = []
        self.heads: list[bytes] = []
        self._enough = enough
        self._answer = answer

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        body = b""
        while len(body) < self._enough and (data := await reader.read(100_000)):
            body += data
        self.bodies.append(body)
        writer.write(self._answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


async def outcomes(strike: Strike, url: str) -> list[str]:
    striking = Striking(strike, url)
    await striking.carry_out()
    return striking.outcomes


async def test_a_body_is_sent_whole_or_in_chunks() -> None:
    taken = Taken(1000)
    async with serving(taken) as url:
        assert await outcomes((Ask(b"POST", b"/a", body=_BODY),), url) == ["200"]
    assert taken.bodies == [b"ab" * 500]
    chunked = Taken(1000 + len(b"3e8\r\n\r\n0\r\n\r\n"))
    async with serving(chunked) as url:
        await outcomes((Ask(b"POST", b"/a", body=_BODY, sending="chunked"),), url)
    assert chunked.bodies == [b"3e8\r\n" + b"ab" * 500 + b"\r\n0\r\n\r\n"]


async def test_a_body_that_is_cut_ends_at_its_half() -> None:
    taken, done = Taken(1000), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await taken(reader, writer)
        finally:
            done.set()

    async with serving(serve) as url:
        assert await outcomes((Ask(b"POST", b"/a", body=_BODY, sending="cut"),), url) == ["cut"]
        await done.wait()
    assert b"content-length: 1000\r\n" in taken.heads[0]
    assert b"".join(taken.bodies) in (b"", b"ab" * 250)  # a reset may overtake what was sent


async def test_an_unfinished_body_is_given_up_after_its_seconds() -> None:
    taken = Taken(1000)
    async with serving(taken) as url:
        ask = Ask(b"POST", b"/a", body=_BODY, sending="unfinished", seconds=0.2)
        assert await outcomes((ask,), url) == ["given up"]


async def test_a_reader_that_stalls_takes_a_little_and_holds_its_connection() -> None:
    stuck = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 8_000_000)
        try:
            await writer.drain()
        except ConnectionError:
            assert writer.transport.get_write_buffer_size() == 0
            stuck.set()

    async with serving(serve) as url:
        ask = Ask(b"GET", b"/a", reading="stall", enough=10, seconds=0.3)
        assert await outcomes((ask,), url) == ["given up"]
        await stuck.wait()


async def test_a_later_step_names_the_response_that_an_earlier_one_brought() -> None:
    taken = Taken(0, _OK[:-2] + b'{"id": "resp_x1"}')
    async with serving(taken) as url:
        steps = (Ask(b"POST", b"/v1/responses"), Wait(0.0), Ask(b"GET", b"/v1/responses/{id}"))
        assert await outcomes(steps, url) == ["200", "200"]
    assert taken.heads[1].startswith(b"GET /v1/responses/resp_x1 ")


async def test_raw_bytes_are_held_until_the_server_closes_or_the_time_is_over() -> None:
    async with serving(Taken(0)) as url:
        assert await outcomes((Raw((b"GET / ", b"x\r\n\r\n"), 0.0, 5.0),), url) == [
            "closed by the server"
        ]
        assert await outcomes((Raw((b"GET / ",), 0.0, 0.1),), url) == ["held"]


async def test_nobody_listening_is_an_outcome() -> None:
    async with serving(Taken(0)) as url:
        pass
    assert await outcomes((Ask(b"GET", b"/"),), url) == ["cut off"]


async def test_looks_at_healthz_note_what_was_refused_and_come_again() -> None:
    answers = iter([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"] * 3 + [b""] * 2)
    refused = b"HTTP/1.1 503 Not\r\ncontent-length: 2\r\n\r\nno"
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await reader.readuntil(b"\r\n\r\n")
            answer = next(answers, refused)
            if not answer:
                return  # cut
            writer.write(answer)

    history = Until(22)
    async with serving(serve) as url:
        looking = asyncio.ensure_future(Prober(1, url, history).run())
        await history.reached.wait()
        looking.cancel()
        await asyncio.wait([looking])
    probes = history.of(Probe)
    assert [each.status for each in probes[:4]] == [0, 0, 503, 503]
    assert {each.api for each in probes} == {1}
    assert connections == 3
    assert history.of(Probed)


class Until(History):
    """Signals that there are so many lines."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self._count = count

    def add(self, line: Line) -> None:
        super().add(line)
        if len(self.lines) >= self._count:
            self.reached.set()

"""Large reads are dealt with slice by slice, one a turn of the loop, in the order of arrival."""

import asyncio
from typing import Any

from workers.providers.arrivals import Arrivals
from workers.providers.slices import SLICE


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.paused = False

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class Followed(Arrivals):
    """Notes what is taken, in place of parsing it."""

    def __init__(self, name: str, taken: list[tuple[str, bytes]]) -> None:
        super().__init__(asyncio.get_running_loop())
        self.connection_made(Transport())
        self.on_arrival = lambda: None
        self._name, self._taken = name, taken

    def _take(self, data: bytes) -> None:
        self._taken.append((self._name, data))

    @property
    def paused(self) -> bool:
        assert isinstance(self.transport, Transport)
        return self.transport.paused


def flood(slices: int, mark: bytes) -> bytes:
    return b"".join(mark * (SLICE - 1) + b"%d" % number for number in range(slices))


async def until_all(taken: list[tuple[str, bytes]], count: int) -> None:
    for _ in range(10 * count):
        if len(taken) >= count:
            return
        await asyncio.sleep(0)


async def test_a_small_read_is_taken_at_once() -> None:
    taken: list[tuple[str, bytes]] = []
    one = Followed("one", taken)
    one.data_received(b"x" * SLICE)
    assert (len(taken), one.paused) == (1, False)


async def test_floods_take_turns_and_small_reads_wait_for_none() -> None:
    taken: list[tuple[str, bytes]] = []
    one, two, small = (Followed(name, taken) for name in ("one", "two", "small"))
    one.data_received(flood(4, b"a"))
    two.data_received(flood(3, b"b"))
    assert [name for name, _ in taken] == ["one", "two"]
    assert one.paused
    small.data_received(b"now")
    assert taken[-1] == ("small", b"now")
    await until_all(taken, 8)
    assert [name for name, _ in taken[3:]] == ["one", "two", "one", "two", "one"]
    assert b"".join(data for name, data in taken if name == "one") == flood(4, b"a")
    assert [each.paused for each in (one, two)] == [False, False]


async def test_what_comes_all_the_same_keeps_its_place() -> None:
    taken: list[tuple[str, bytes]] = []
    one = Followed("one", taken)
    one.data_received(flood(2, b"a"))
    one.data_received(b"behind")
    await until_all(taken, 3)
    assert b"".join(data for _, data in taken) == flood(2, b"a") + b"behind"


async def test_what_had_come_is_taken_when_the_connection_is_lost() -> None:
    taken: list[tuple[str, bytes]] = []
    one = Followed("one", taken)
    one.data_received(flood(3, b"a"))
    one.connection_lost(None)
    assert b"".join(data for _, data in taken) == flood(3, b"a")
    await until_all(taken, 9)
    assert len(taken) == 2


async def test_a_reader_s_resuming_takes_in_no_more_than_is_worked_on() -> None:
    """As aiohttp resumes a connection after nearly every read of what it has parsed."""
    taken: list[tuple[str, bytes]] = []
    one = Followed("one", taken)
    one.data_received(flood(3, b"a"))
    one.resume_reading()
    assert one.paused
    await until_all(taken, 4)  # the parser is asked to go on, too
    assert not one.paused

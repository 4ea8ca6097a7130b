"""Rounds: every member in its turn, by one timer."""

import asyncio

from broker.api.rounds import Rounds


class Member:
    def __init__(self, rounds: Rounds, times: int, others: "list[Member] | None" = None) -> None:
        self.rounds = rounds
        self.times = times
        self.others = others or []
        self.seen: list[float] = []
        self.done = asyncio.Event()

    def look(self, now: float) -> None:
        self.seen.append(now)
        if len(self.seen) == self.times:
            self.rounds.leave(self)
            for other in self.others:
                self.rounds.leave(other)
            self.done.set()


async def test_every_member_is_looked_at_until_it_leaves() -> None:
    rounds = Rounds(0.01)
    members = [Member(rounds, times) for times in (1, 2, 3)]
    for member in members:
        rounds.join(member)
    async with asyncio.timeout(10):
        for member in members:
            await member.done.wait()
    assert [len(member.seen) for member in members] == [1, 2, 3]
    assert members[2].seen[:2] == members[1].seen
    assert len(rounds) == 0
    again = Member(rounds, 1)  # the timer had stopped
    rounds.join(again)
    async with asyncio.timeout(10):
        await again.done.wait()


async def test_a_look_may_make_others_leave() -> None:
    rounds = Rounds(0.01)
    other = Member(rounds, 1)
    first = Member(rounds, 1, [other])
    rounds.join(first)
    rounds.join(other)
    rounds.leave(Member(rounds, 1))  # no member
    async with asyncio.timeout(10):
        await first.done.wait()
    assert other.seen == []
    assert len(rounds) == 0

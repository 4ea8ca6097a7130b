"""What WebSockets' responses go on from: the connection's own, and bounded for all together."""

from hypothesis import given
from hypothesis import strategies as st

from broker.api.conversations import Conversations, Kept


def test_it_is_the_connections_own() -> None:
    kept = Conversations()
    one, two = kept.connect(), kept.connect()
    assert kept.keep(one, "a", "r1", Kept(b"items", "r0"))
    assert kept.find(one, "r1") == Kept(b"items", "r0")
    assert kept.find(two, "r1") is None
    kept.drop(one, "r1")
    kept.drop(one, "r1")
    assert kept.find(one, "r1") is None


def test_one_may_be_too_large() -> None:
    kept = Conversations(total=1000, most=100)
    assert not kept.keep(kept.connect(), "a", "r1", Kept(b"x" * 101))


def test_an_account_pushes_out_its_own() -> None:
    kept = Conversations(total=400, most=100)
    mine, theirs = kept.connect(), kept.connect()
    assert kept.keep(theirs, "b", "r0", Kept(b"x" * 100))
    for place in range(5):
        assert kept.keep(mine, "a", f"r{place}", Kept(b"x" * 60))
    assert kept.find(theirs, "r0") is not None
    assert [kept.find(mine, f"r{place}") is not None for place in range(5)] == [False] * 4 + [True]


_STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from("abc"), st.integers(0, 5), st.integers(0, 60)),
    max_size=80,
)


@given(_STEPS)
def test_bounds_hold(steps: list[tuple[int, str, int, int]]) -> None:
    kept = Conversations(total=200, most=40)
    held: dict[tuple[int, str], tuple[str, int]] = {}
    for connection, account, name, size in steps:
        at = (connection, f"{account}{name}")
        if kept.keep(*(connection, account, at[1]), Kept(b"x" * size)):
            held[at] = (account, size)
        elif size > 40:
            held.pop(at, None)
        there = {at: held[at] for at in held if kept.find(*at) is not None}
        assert sum(size for _, size in there.values()) <= 200
        for owner in "abc":
            assert sum(size for who, size in there.values() if who == owner) <= 50
    for at in held:
        kept.drop(*at)
    assert kept.keep(9, "a", "r", Kept(b"x" * 40))

"""Request ids, job keys, digests, states."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import BadRequestId
from broker.model import (
    Failure,
    JobState,
    Terminal,
    check_request_id,
    job_key,
    new_request_id,
    request_digest,
)

PROPERTY = settings(max_examples=150, derandomize=True, deadline=None)
json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("text", ["a", "0", "A-b_c.d:e", "x" * 128, "req_1"])
def test_a_request_id_is_taken(text: str) -> None:
    assert check_request_id(text) == text


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "-a", "_a", ":a", "x" * 129, "a b", "a/b", "a\n", "é", "a\0", "a?b", "٣"],
)
def test_what_is_no_request_id_is_refused(text: str) -> None:
    with pytest.raises(BadRequestId) as caught:
        check_request_id(text)
    assert caught.value.param == "request_id"


def test_our_own_request_ids_are_request_ids_and_differ() -> None:
    made = {new_request_id() for _ in range(100)}
    assert len(made) == 100
    assert all(check_request_id(one) == one for one in made)


def test_a_job_key_is_twenty_safe_characters() -> None:
    key = job_key("account", "req_1")
    assert len(key) == 20
    assert set(key) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert key == job_key("account", "req_1")


text = st.text(alphabet="ab1:", max_size=6)


@PROPERTY
@given(text, text, text, text)
def test_no_two_pairs_share_a_job_key(a: str, b: str, c: str, d: str) -> None:
    assert (job_key(a, b) == job_key(c, d)) == ((a, b) == (c, d))


@PROPERTY
@given(text, text, st.integers(0, 6))
def test_moving_the_seam_of_account_and_request_id_moves_the_key(a: str, b: str, cut: int) -> None:
    run = a + b
    if (run[:cut], run[cut:]) != (a, b):
        assert job_key(run[:cut], run[cut:]) != job_key(a, b)


def test_lengths_in_the_parts_are_no_lengths_of_the_parts() -> None:
    assert job_key("a", "b1:c") != job_key("a1:b", "c")
    assert job_key("", "1:a") != job_key("1:a", "")


@PROPERTY
@given(st.dictionaries(st.text(max_size=6), json_value, max_size=5))
def test_a_digest_ignores_how_it_streams_and_the_order_of_keys(
    request: dict[str, object],
) -> None:
    bare = {k: v for k, v in request.items() if k not in ("stream", "stream_options")}
    shuffled = dict(reversed(bare.items()))
    asked = {"stream": True, **shuffled, "stream_options": {"include_usage": True}}
    assert request_digest("chat", asked) == request_digest("chat", bare)


def test_a_digest_ignores_the_order_of_inner_keys_only() -> None:
    one = {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}
    turned = {"messages": [{"content": "a", "role": "user"}, {"content": "b", "role": "user"}]}
    swapped = {"messages": list(reversed(one["messages"]))}
    assert request_digest("chat", one) == request_digest("chat", turned)
    assert request_digest("chat", one) != request_digest("chat", swapped)


@PROPERTY
@given(json_value, json_value)
def test_another_body_has_another_digest(one: object, other: object) -> None:
    same = msgspec.json.encode(one, order="deterministic") == msgspec.json.encode(
        other, order="deterministic"
    )
    assert (request_digest("chat", {"a": one}) == request_digest("chat", {"a": other})) == same


def test_what_streams_is_left_out_at_the_top_only() -> None:
    assert request_digest("chat", {"a": {"stream": True}}) != request_digest(
        "chat", {"a": {"stream": False}}
    )


def test_the_final_states() -> None:
    final = {state for state in JobState if state.final}
    assert final == {JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}


def test_a_terminal_comes_back_from_its_json() -> None:
    terminal = Terminal(JobState.FAILED, {"total_tokens": 3}, Failure("timeout", "Too slow."))
    assert msgspec.json.decode(msgspec.json.encode(terminal), type=Terminal) == terminal
    assert msgspec.json.encode(Terminal(JobState.CANCELLED)) == b'{"state":"cancelled"}'


def test_another_dialect_is_another_request() -> None:
    assert request_digest("chat", {"a": 1}) != request_digest("messages", {"a": 1})

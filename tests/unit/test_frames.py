"""Frames and the messages they travel in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.frames import Frame, Kind, Message, data_frame, data_of, message_head, parse_message

PROPERTY = settings(max_examples=150, derandomize=True, deadline=None)
number = st.integers(1, 2**53)
definition = st.tuples(st.integers(0, 63), st.binary(max_size=200))


@PROPERTY
@given(number, number, st.lists(definition, max_size=4), st.binary(max_size=200))
def test_a_message_comes_back(
    first: int, last: int, definitions: list[tuple[int, bytes]], payload: bytes
) -> None:
    message = parse_message(message_head(first, last, definitions) + payload)
    assert message == Message(first, last, tuple(definitions), payload)


def test_a_script_writes_the_same_head() -> None:
    assert message_head(7, 7, []) == b"7 7\n"
    assert parse_message(b"7 7\n\nbytes\n") == Message(7, 7, (), b"\nbytes\n")


def test_a_message_without_a_head_is_refused() -> None:
    with pytest.raises(ValueError, match="not found"):
        parse_message(b"7 7")


@PROPERTY
@given(st.sampled_from(Kind), st.binary().filter(lambda data: b"\r" not in data))
def test_data_comes_back(kind: Kind, data: bytes) -> None:
    assert data_of(data_frame(kind, data).body) == data
    assert data_of(data_frame(kind, data, b"attempt").body) == data


@PROPERTY
@given(st.lists(st.sampled_from([b"{", b"}", b"\r", b"\n", b"\r\n", b"data: "])).map(b"".join))
def test_no_line_of_a_body_is_without_its_field(data: bytes) -> None:
    body = data_frame(Kind.WHOLE, data).body
    assert b"\r" not in body
    assert all(line.startswith(b"data: ") for line in body.split(b"\n"))
    assert data_of(body) == data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def test_an_event_has_its_name_before_its_data() -> None:
    frame = data_frame(Kind.NATIVE, b'{"n":1}', b"attempt")
    assert frame == Frame(Kind.NATIVE, b'event: attempt\ndata: {"n":1}')


def test_every_line_of_data_is_a_data_line() -> None:
    assert data_frame(Kind.WHOLE, b"{\n}\n").body == b"data: {\ndata: }\ndata: "

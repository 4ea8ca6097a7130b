"""Chat answers: what is a frame, of which kind, and when the answer is complete."""

import pytest

from broker.frames import Frame, Kind
from workers.providers.base import ProviderFailure, Reply
from workers.providers.chat_decoder import ChatDecoder, decode_whole
from workers.providers.splitter import SseEvent

DELTA = (
    b'{"id":"c1","choices":[{"index":0,"delta":{"content":"\\u00e9\\ud800"},"finish_reason":null}]}'
)
STOP = b'{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}'
STOP_1 = STOP.replace(b'"index":0', b'"index":1')
USAGE = b'{"id":"c1","choices":[],"usage":{"total_tokens":3}}'


def events(*data: bytes) -> list[SseEvent]:
    return [SseEvent(b"", each) for each in data]


def failed(data: bytes, event: bytes = b"") -> tuple[str, str | None]:
    decoder = ChatDecoder(Reply())
    decoder.feed([SseEvent(event, data)])
    assert decoder.failure is not None
    assert not decoder.finished
    return decoder.failure.type, decoder.failure.code


def test_bytes_stay_and_the_reply_is_kept() -> None:
    reply = Reply()
    decoder = ChatDecoder(reply)
    assert decoder.feed(events(DELTA)) == [Frame(Kind.DIALECT, b"data: " + DELTA)]
    assert decoder.feed(events(STOP, USAGE, b"[DONE]", b"not json")) == [
        Frame(Kind.DIALECT, b"data: " + STOP),
        Frame(Kind.USAGE, b"data: " + USAGE),
    ]
    assert (decoder.done, decoder.finished) == (True, True)
    assert reply == Reply(usage={"total_tokens": 3}, provider_id="c1", events=3)


def test_finished_without_done_once_every_choice_has_its_reason() -> None:
    decoder = ChatDecoder(Reply(), choices=2)
    told = []
    for event in (DELTA, STOP, STOP, STOP_1):
        decoder.feed(events(event))
        told.append(decoder.finished)
    assert told == [False, False, False, True]
    assert not decoder.done


def test_an_object_under_a_name_of_its_own_need_not_be_a_chunk() -> None:
    data = b'{"citations":[]}'
    assert ChatDecoder(Reply()).feed([SseEvent(b"citations", data)]) == [
        Frame(Kind.DIALECT, b"data: " + data)
    ]
    for name in (b"", b"message"):
        assert failed(data, name) == ("provider_garbled", "chunk")


def test_usage_beside_choices_is_no_usage_frame() -> None:
    reply = Reply()
    data = STOP.replace(b'"usage":null', b'"usage":{"total_tokens":1}')
    assert ChatDecoder(reply).feed(events(data))[0].kind == Kind.DIALECT
    assert reply.usage == {"total_tokens": 1}


@pytest.mark.parametrize(
    "data",
    [
        b'{"id":"","choices":[],"prompt_filter_results":[]}',
        b'{"choices":null}',
        b'{"choices":[{"finish_reason":""}]}',
    ],
)
def test_odd_chunks_that_are_still_chunks(data: bytes) -> None:
    decoder = ChatDecoder(Reply())
    assert decoder.feed(events(data)) == [Frame(Kind.DIALECT, b"data: " + data)]
    assert not decoder.finished


def test_data_over_several_lines() -> None:
    data = b'{"choices":\n[]}'
    assert ChatDecoder(Reply()).feed(events(data))[0].body == b'data: {"choices":\ndata: []}'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<html>", "json"),
        (b"[1]", "json"),
        (b"{", "json"),
        (b'{"choices":{}}', "json"),
        (b'{"choices":[],"x":"\xff"}', "json"),
        (b'{"choices":[],"x":NaN}', "json"),
        (b'{"choices":[],"id":"\\ud800"}', "json"),
        (b'{"choices":' + b"[" * 99999, "json"),
        (b"{}", "chunk"),
        (b"[DONE]", "empty"),
    ],
)
def test_garble(data: bytes, code: str) -> None:
    assert failed(data) == ("provider_garbled", code)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"", b'{"error":{"message":"m","code":"oops"}}'),
        (b"", b'{"choices":[{"finish_reason":"error"}],"error":{"code":"oops"}}'),
        (b"", b'{"object":"error","message":"m","code":"oops"}'),
        (b"error", b'{"error":{"code":"oops"}}'),
        (b"error", b'{"code":"oops"}'),
    ],
)
def test_an_error_in_the_stream(event: bytes, data: bytes) -> None:
    assert failed(data, event) == ("provider_stream_error", "oops")


def test_an_error_event_of_plain_text() -> None:
    assert failed(b"overloaded", b"error") == ("provider_stream_error", None)


def test_frames_before_a_failure_stand() -> None:
    decoder = ChatDecoder(Reply())
    assert len(decoder.feed(events(DELTA, b" ", DELTA, b"?", DELTA))) == 2
    assert decoder.failure is not None


def test_whole_keeps_its_bytes_on_one_line() -> None:
    reply = Reply()
    body = b' {"id":"w", "choices":[{"x":1.00}], "usage":{"total_tokens":2}}'
    assert decode_whole(body, reply) == Frame(Kind.WHOLE, b"data: " + body)
    assert reply == Reply(usage={"total_tokens": 2}, provider_id="w", events=1)


def test_whole_over_several_lines_loses_only_its_line_ends() -> None:
    body = b'{\r\n "choices": [1.00, "\\u00e9\\ud800\\/\\n"]\n}\n'
    frame = decode_whole(body, Reply())
    assert frame.body == b'data: { "choices": [1.00, "\\u00e9\\ud800\\/\\n"]}'


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"<html>", "provider_garbled", "json"),
        (b'{"choices":[]', "provider_garbled", "json"),
        (b'{"choices":["\xff"]}', "provider_garbled", "json"),
        (b'{"choices":1}', "provider_garbled", "json"),
        (b'{"id":"w"}', "provider_garbled", "chunk"),
        (b'{"error":{"code":"oops"}}', "provider_stream_error", "oops"),
    ],
)
def test_what_is_no_whole_answer(body: bytes, kind: str, code: str) -> None:
    with pytest.raises(ProviderFailure) as caught:
        decode_whole(body, Reply())
    assert (caught.value.failure.type, caught.value.failure.code) == (kind, code)

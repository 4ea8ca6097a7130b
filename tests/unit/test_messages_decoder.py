"""Messages from a provider: what is a frame, what it is called, when the answer is complete."""

import json
from typing import Any

import pytest

from broker.frames import Frame, Kind, data_of
from tests.unit.messages_streams import ALL, Event, end, frames_of, start, text
from workers.providers.base import ProviderFailure, Reply
from workers.providers.messages_decoder import MessagesDecoder, decode_whole
from workers.providers.splitter import SseEvent


def sent(*events: Event, named: bool = True) -> list[SseEvent]:
    return [
        SseEvent(each["type"].encode() if named else b"", json.dumps(each).encode())
        for each in events
    ]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("name", ALL)
def test_every_stream_comes_through_as_it_is(name: str, named: bool) -> None:
    """Servers that give their events no names get the names of their types."""
    reply = Reply()
    decoder = MessagesDecoder(reply)
    assert decoder.feed(sent(*ALL[name], named=named)) == frames_of(ALL[name])
    assert decoder.failure is None
    assert decoder.finished
    assert decoder.done == (name != "no stop")
    assert (reply.provider_id, reply.events) == ("msg_1", len(ALL[name]))
    assert reply.usage is not None
    assert reply.usage["input_tokens"] == 9


def test_a_ping_is_no_frame() -> None:
    decoder = MessagesDecoder(Reply())
    ping: Event = {"type": "ping"}
    for named in (True, False):
        assert decoder.feed(sent(ping, named=named)) == []
    assert decoder.feed(sent(start(), ping)) == frames_of([start()])
    assert decoder.failure is None


def test_nothing_after_the_stop_is_part_of_it() -> None:
    decoder = MessagesDecoder(Reply())
    events = [start(), *end()]
    assert decoder.feed([*sent(*events), SseEvent(b"", b"[DONE]")]) == frames_of(events)


@pytest.mark.parametrize(
    ("last", "closing"),
    [
        (b'{"type":"message_stop"}', None),
        (b'{"type":\n"message_stop","metrics":1}', '{"type": "message_stop","metrics":1}'),
        (b'{"type":"message_stop","x":"%b"}' % (b"x" * 65536), None),
    ],
)
def test_what_a_last_event_says_besides_is_kept(last: bytes, closing: str | None) -> None:
    reply = Reply()
    decoder = MessagesDecoder(reply)
    decoder.feed([*sent(start(), *text(0, "a"), end()[0]), SseEvent(b"", last)])
    assert decoder.done
    assert reply.closing == closing


def test_usage_is_measured_at_the_end_and_known_in_part_before() -> None:
    before, reply = Reply(), Reply()
    MessagesDecoder(before).feed(sent(start(), *text(0, "a")))
    MessagesDecoder(reply).feed(sent(start(), *text(0, "a"), *end()))
    assert before.usage is None
    assert (before.said or {})["input_tokens"] == 9
    usage = reply.usage or {}
    assert (usage["input_tokens"], usage["output_tokens"]) == (9, 12)


def failed(*events: SseEvent) -> Any:
    decoder = MessagesDecoder(Reply())
    decoder.feed(list(events))
    assert not decoder.finished
    assert decoder.failure is not None
    return decoder.failure


@pytest.mark.parametrize("name", [b"error", b""])
def test_an_error_within_the_answer(name: bytes) -> None:
    def told(kind: str) -> Any:
        error = {"type": "error", "error": {"type": kind, "message": "m"}}
        return failed(*sent(start()), SseEvent(name, json.dumps(error).encode()))

    overloaded = told("overloaded_error")
    assert (overloaded.type, overloaded.provider_status) == ("provider_stream_error", 529)
    assert (overloaded.remedy, overloaded.message) == ("retry", "m")
    assert told("rate_limit_error").status == 429
    assert told("authentication_error").remedy == "next"
    assert told("request_too_large").remedy == "final"
    assert told("api_error").remedy == "retry"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "json"),
        (b"[]", "json"),
        (b'{"a":1}', "json"),
        (b'{"type":"message_start","message":NaN}', "json"),
        (b'{"type":"x","y":"\xff"}', "json"),
        (b'{"type":"content_block_stop","index":0}', "chunk"),
        (b'{"type":"message_stop"}', "empty"),
    ],
)
def test_what_is_no_event(data: bytes, code: str) -> None:
    failure = failed(SseEvent(b"", data))
    assert (failure.type, failure.code) == ("provider_garbled", code)


def test_half_a_character_is_kept() -> None:
    decoder = MessagesDecoder(Reply())
    data = (
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\ud83d"}}'
    )
    *_, last = decoder.feed([*sent(start()), SseEvent(b"content_block_delta", data)])
    assert last == Frame(Kind.DIALECT, b"event: content_block_delta\ndata: " + data)


def test_a_whole_message_is_one_frame() -> None:
    reply = Reply()
    body = b'{"type":"message",\n"id":"msg_1","content":[],"usage":{"output_tokens":1}}'
    frame = decode_whole(body, reply)
    assert (frame.kind, data_of(frame.body)) == (Kind.WHOLE, body.replace(b"\n", b""))
    assert reply == Reply(usage={"output_tokens": 1}, provider_id="msg_1", events=1)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "provider_garbled"),
        (b'{"type":"message"}', "provider_garbled"),
        (b'{"type":"error","error":{"type":"api_error"}}', "provider_stream_error"),
    ],
)
def test_what_is_no_whole_message(body: bytes, kind: str) -> None:
    with pytest.raises(ProviderFailure) as caught:
        decode_whole(body, Reply())
    assert caught.value.failure.type == kind


@pytest.mark.parametrize("kind", ["end", "attempt", "a\n\nevent: end\ndata: {}", "\ud83d", ""])
def test_no_event_bears_a_name_of_ours_or_none(kind: str) -> None:
    decoder = MessagesDecoder(Reply())
    event = SseEvent(b"", json.dumps({"type": kind}).encode())
    assert decoder.feed([*sent(start()), event]) == frames_of([start()])
    assert decoder.failure is not None
    assert (decoder.failure.type, decoder.failure.code) == ("provider_garbled", "event")


def test_an_event_is_named_by_its_type_whatever_it_came_under() -> None:
    data = json.dumps(start()).encode()
    assert MessagesDecoder(Reply()).feed([SseEvent(b"end", data)]) == frames_of([start()])

"""In = out: events of every kind through decoder, codec and view."""

import json
from typing import Any

import pytest
from openai.types.responses import Response

from broker.codec import Encoder, decode
from broker.dialects.native import NativeView
from broker.dialects.responses import Inbound, ResponsesView
from broker.dialects.responses.echo import DEFAULTS
from broker.dialects.responses.view import shows_end
from broker.frames import Frame, Kind, data_frame
from broker.model import Failure, JobState, Terminal
from tests.contract.raw import data_of, events_of, ids_of
from tests.unit.responses_streams import STREAMS, THEIRS, Event, created, objects, on_the_wire
from workers.providers.base import Reply
from workers.providers.responses_decoder import ResponsesDecoder
from workers.providers.splitter import SseEvent

OURS = "resp_0123456789abcdefghij"


def frames_of(stream: list[Event], request: dict[str, Any] | None = None) -> list[Frame]:
    decoder = ResponsesDecoder(Reply(), Inbound(OURS, request or {}))
    frames = decoder.feed(on_the_wire(stream))
    assert decoder.failure is None
    assert decoder.done
    return frames


def ours(event: dict[str, Any]) -> dict[str, Any]:
    """An event with the broker's id."""
    if isinstance(event.get("response"), dict):
        event = {**event, "response": {**event["response"], "id": OURS}}
    if "response_id" in event:
        event = {**event, "response_id": OURS}
    return event


@pytest.mark.parametrize("name", STREAMS)
def test_what_goes_in_comes_out(name: str) -> None:
    rendered = ResponsesView().render(2, frames_of(STREAMS[name]))
    events = events_of(rendered)
    assert ids_of(events) == list(range(2, 2 + len(STREAMS[name])))
    for number, (event, expected) in enumerate(zip(events, objects(STREAMS[name]), strict=True), 2):
        lines = [line[6:] for line in event.split(b"\n") if line.startswith(b"data: ")]
        told = json.loads(b"\n".join(lines))
        assert told.pop("sequence_number") == number
        assert told == ours(expected)
        assert event.startswith(b"id: %d\nevent: %b\n" % (number, told["type"].encode()))


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_the_same_bytes_however_it_is_cut(name: str) -> None:
    frames = frames_of(STREAMS[name])
    for view in (ResponsesView(), NativeView("rid", numbers=True)):
        whole = view.render(1, frames)
        assert b"".join(view.render(n, [frame]) for n, frame in enumerate(frames, 1)) == whole
    payload, encoder = bytearray(), Encoder()
    for frame in frames:
        encoder.encode(frame.kind, frame.body, payload)
    assert decode(bytes(payload), dict(enumerate(encoder.templates))) == frames


def test_a_long_text_is_stored_compactly() -> None:
    """The number is not stored with each event, and the rest of it is a template."""
    events = [
        {"type": "response.output_text.delta", "item_id": "m" * 40, "delta": f" w{n}"}
        for n in range(100)
    ]
    frames = frames_of([created(), *events, {"type": "response.completed", "response": {}}])
    payload, encoder = bytearray(), Encoder()
    for frame in frames[:-1]:
        encoder.encode(frame.kind, frame.body, payload)
    assert len(payload) < 100 * 12


def test_a_response_says_again_what_its_caller_asked() -> None:
    """Whatever the provider was told: its own id, and to keep it or to run it elsewhere."""
    told = {"background": False, "store": True, "previous_response_id": THEIRS}
    request = {"background": True, "store": False, "previous_response_id": OURS}
    (frame,) = frames_of([{"type": "response.completed", "response": told}], request)
    event = data_of(ResponsesView().render(1, [frame]))
    assert event["response"] == {"id": OURS, **request}


@pytest.mark.parametrize(
    "terminal",
    [Terminal(JobState.COMPLETED), Terminal(JobState.FAILED, error=None, told=True)],
)
def test_an_end_that_was_told_is_not_told_again(terminal: Terminal) -> None:
    frame = Frame(Kind.TERMINAL, json.dumps({"state": terminal.state, "told": True}).encode())
    assert ResponsesView().render(9, [frame]) == b""


@pytest.mark.parametrize(
    ("terminal", "kind"),
    [
        ({"state": "cancelled"}, "cancelled"),
        ({"state": "failed"}, "job_failed"),
        ({"state": "failed", "error": {"type": "provider_cut", "message": "m"}}, "provider_cut"),
    ],
)
def test_another_end_is_an_error(terminal: dict[str, Any], kind: str) -> None:
    """And then the response, failed: what SDKs raise at, and what other clients look into."""
    frame = Frame(Kind.TERMINAL, json.dumps({**terminal, "closing": '{"created_at":5}'}).encode())
    rendered = ResponsesView("resp_1", "m").render(9, [frame])
    assert ids_of(events_of(rendered)) == [8, 9]
    event, last = (data_of(each) for each in events_of(rendered))
    assert (event["type"], event["sequence_number"]) == ("error", 8)
    assert event["error"]["type"] == kind
    assert event["message"] == event["error"]["message"]
    assert (last["type"], last["sequence_number"]) == ("response.failed", 9)
    failed = last["response"]
    assert (failed["id"], failed["model"], failed["created_at"]) == ("resp_1", "m", 5)
    assert failed["status"] == terminal["state"]
    assert failed["error"] == {"code": event["code"] or kind, "message": event["message"]}
    Response.model_validate({**failed, "error": None}, strict=True)  # its codes are ours
    assert DEFAULTS.keys() <= failed.keys()


def test_frames_of_others_are_skipped() -> None:
    frames = [
        data_frame(Kind.NATIVE, b"{}", b"attempt"),
        data_frame(Kind.WHOLE, b'{"id":"x"}'),
    ]
    rendered = ResponsesView().render(1, frames)
    assert ids_of(events_of(rendered)) == [2]
    assert data_of(rendered) == {
        "sequence_number": 2,
        "type": "response.completed",
        "response": {"id": "x"},
    }


# ── The decoder ────────────────────────────────────────────────────────────────────────


def decoded(*datas: bytes, event: bytes = b"") -> tuple[ResponsesDecoder, list[Frame], Reply]:
    reply = Reply()
    decoder = ResponsesDecoder(reply, Inbound(OURS, {}))
    return decoder, decoder.feed([SseEvent(event, data) for data in datas]), reply


BEGUN = b'{"type":"response.created","response":{"id":"resp_x","usage":null}}'


def test_the_providers_id_and_usage_are_noted() -> None:
    end = b'{"type":"response.completed","response":{"id":"resp_x","usage":{"total_tokens":3}}}'
    decoder, frames, reply = decoded(BEGUN, end, b'{"type":"response.late"}')
    assert (len(frames), decoder.done) == (2, True)
    assert (reply.provider_id, reply.usage, reply.events) == ("resp_x", {"total_tokens": 3}, 2)


def test_a_failed_response_is_an_attempts_failure() -> None:
    error = b'{"code":"rate_limit_exceeded","message":"slow down"}'
    failed = b'{"type":"response.failed","response":{"id":"resp_x","error":%b}}' % error
    decoder, frames, reply = decoded(BEGUN, failed)
    assert len(frames) == 1
    assert decoder.failure == Failure(
        type="provider_stream_error",
        message="slow down",
        status=429,
        remedy="retry",
        code="rate_limit_exceeded",
        provider_status=429,
        retryable=True,
    )
    assert reply.parting is not None
    assert data_of(ResponsesView().render(1, [reply.parting]))["response"]["id"] == OURS


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"type":"error","code":"server_error","message":"m"}', "server_error"),
        (b'{"type":"error","error":{"code":"server_error","message":"m"}}', "server_error"),
        (b'{"error":{"message":"m","code":429}}', "429"),
    ],
)
def test_an_error_event_is_a_failure(data: bytes, code: str) -> None:
    decoder, frames, _ = decoded(BEGUN, data)
    assert len(frames) == 1
    assert decoder.failure is not None
    assert (decoder.failure.code, decoder.failure.message) == (code, "m")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"type":"response.output', "json"),
        (b"\xff\xfe", "json"),
        (b'{"type":7}', "json"),
        (b'{"type":"response.x","delta":NaN}', "json"),
        (b"[1]", "json"),
        (b'{"delta":"x"}', "event"),
        (b'{"type":"two words"}', "event"),
        (b'{"type":"end"}', "event"),
        (b'{"type":"attempt","number":1}', "event"),
        (b'{"type":"response.completed"}', "event"),
    ],
)
def test_what_is_no_event_is_garbled(data: bytes, code: str) -> None:
    decoder, frames, _ = decoded(BEGUN, data)
    assert len(frames) == 1
    assert decoder.failure is not None
    assert (decoder.failure.type, decoder.failure.code) == ("provider_garbled", code)


def test_a_type_may_stand_in_the_events_name_alone() -> None:
    _, frames, _ = decoded(b'{"delta":"x"}', b"{}", event=b"response.some.delta")
    first, second = (data_of(event) for event in events_of(ResponsesView().render(1, frames)))
    assert first == {"sequence_number": 1, "type": "response.some.delta", "delta": "x"}
    assert second == {"sequence_number": 2, "type": "response.some.delta"}


def test_done_is_no_end_of_its_own() -> None:
    decoder, frames, _ = decoded(BEGUN, b"[DONE]")
    assert (len(frames), decoder.done, decoder.failure) == (1, False, None)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        (b"", False),
        (b": ping\n", False),
        (b'id: 1\nevent: response.created\ndata: {"type":"response.created"}\n\n', False),
        (b'id: 9\nevent: response.completed\ndata: {"type":"response.completed"}\n\n', True),
        (b'id: 9\nevent: response.incomplete\ndata: {"type":"response.incomplete"}\n\n', True),
        (b"id: 9\nevent: response.completed_not\ndata: {}\n\n", False),
        (b"id: 8\nevent: response.completed\ndata: {}\n\nid: 9\nevent: error\ndata: {}\n\n", False),
        (b"id: 8\nevent: error\ndata: {}\n\nid: 9\nevent: response.failed\ndata: {}\n\n", True),
        (
            b'id: 3\ndata: {"choices":[{"delta":{"content":"event: response.completed"}}]}\n\n',
            False,
        ),
    ],
)
def test_a_text_that_shows_the_end_of_an_answer(text: bytes, ends: bool) -> None:
    assert shows_end(text) is ends

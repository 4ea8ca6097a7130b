"""Spoiled streams of every dialect, through all that is done with an answer, for every caller."""

import pytest

from broker.dialects.neutral.translation import Translation, reader, writer
from broker.dialects.registry import DIALECTS
from broker.dialects.responses import Inbound
from broker.dialects.wire import decode_object
from broker.frames import Frame, Kind
from broker.nesting import DEEPEST
from tests.hostile.offline import check
from tests.hostile.spoiling import WAYS, Spoiled
from tests.unit.neutral_streams_more import given
from workers.joining import Joining
from workers.providers.base import ProviderFailure, Reply
from workers.providers.chat_decoder import ChatDecoder
from workers.providers.gemini_decoder import GeminiDecoder
from workers.providers.messages_decoder import MessagesDecoder
from workers.providers.payload import check_depth
from workers.providers.responses_decoder import ResponsesDecoder
from workers.providers.responses_decoder import decode_whole as decode_response
from workers.providers.splitter import SseEvent

SEEDS = range(30)


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses", "gemini"])
@pytest.mark.parametrize("caller", list(DIALECTS))
def test_nothing_raises_and_nothing_wrong_comes_out(dialect: str, caller: str) -> None:
    for seed in SEEDS:
        case = Spoiled(dialect, seed)
        try:
            check(case, caller, seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}, {case}, for {caller}") from error


def test_every_way_is_drawn() -> None:
    cases = [Spoiled(dialect, seed) for dialect in ("chat", "responses") for seed in range(200)]
    assert {way for case in cases for way in case.ways} == {*WAYS, "cut body"}
    assert any(case.harmless for case in cases)


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b'{"a":' * 5000, b'{"a":"\\ud83d","b":' + b"[" * 100_000]
)
def test_what_is_nested_too_deep_is_no_object(text: bytes) -> None:
    assert decode_object(text) is None


def test_an_integer_that_takes_minutes_is_none() -> None:
    assert decode_object(b'{"a":%b,"b":123456789012345678901}' % (b"9" * 5000)) == {
        "a": None,
        "b": 123456789012345678901,
    }


def test_depth_is_counted_outside_of_texts() -> None:
    fine = b'{"a":' * DEEPEST + b'"' + b'[{\\"' * 1000 + b'"' + b"}" * DEEPEST
    check_depth(fine)
    check_depth(b"[" + b"[{}]," * 100_000 + b"0]")
    for deep in (b"[" + fine + b"]", b"[{" * 400_000):
        with pytest.raises(RecursionError):
            check_depth(deep)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(b"{}," * 1_000_001 + b"{}", id="objects"),
        pytest.param(b"[]," * 1_000_001 + b"{}", id="arrays"),
        pytest.param(b"1," * 4_000_001 + b"1", id="numbers"),
        pytest.param(b'"",' * 2_000_001 + b"{}," * 300 + b'""', id="strings"),
    ],
)
def test_more_values_than_can_be_decoded_in_one_go_are_no_answer(values: bytes) -> None:
    with pytest.raises(RecursionError):
        check_depth(b"[" + values + b"]")


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(b"{}," * 400_000 + b"{}", id="many"),
        pytest.param(b'"' + b'[{,\\"' * 1_000_000 + b'"', id="a text"),
        pytest.param(b'{"a":"b","c":1},' * 150_000 + b"{}", id="fields"),
    ],
)
def test_a_large_answer_is_one(values: bytes) -> None:
    check_depth(b"[" + values + b"]")


DEEP = b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1)


def test_an_event_that_readers_could_not_follow_is_garbled() -> None:
    chat, gemini, messages = ChatDecoder(Reply()), GeminiDecoder(Reply()), MessagesDecoder(Reply())
    chat.feed([SseEvent(b"", b'{"choices":[],"x":%b}' % DEEP)])
    gemini.feed([SseEvent(b"", b'{"candidates":[],"x":%b}' % DEEP)])
    messages.feed([SseEvent(b"", b'{"type":"message_start","x":%b}' % DEEP)])
    for decoder in (chat, gemini, messages):
        assert decoder.failure is not None
        assert (decoder.failure.type, decoder.failure.code) == ("provider_garbled", "json")


def test_a_replay_of_other_types_is_garbled() -> None:
    dialect = DIALECTS["responses"]
    begun = b'event: response.x\ndata: {"type":"response.x","output_index":[],"id":"a"}'
    joining = Joining(dialect, dialect.transcript([Frame(Kind.DIALECT, begun)]), "replay", None)
    again = b'event: response.x\ndata: {"type":{},"output_index":{}}'
    with pytest.raises(ProviderFailure) as caught:
        joining.join([Frame(Kind.DIALECT, again)])
    assert caught.value.failure.type == "provider_garbled"


@pytest.mark.parametrize(
    "field",
    [b'"responseId":"\\ud83d"', b'"usageMetadata":{"a":"\\ud83d"}', b'"x":"\xff"', b'"x":NaN'],
)
def test_what_gemini_says_of_itself_can_be_kept(field: bytes) -> None:
    decoder = GeminiDecoder(Reply())
    assert decoder.feed([SseEvent(b"", b'{"candidates":[],%b}' % field)]) == []
    assert decoder.failure is not None
    assert decoder.failure.code == "json"


def test_a_type_that_is_none_gives_way_to_the_events_name() -> None:
    decoder = ResponsesDecoder(Reply(), Inbound("resp_1", {}))
    event = SseEvent(b"response.x", b'{"type":"","a":1}')
    assert decoder.feed([event]) == [
        Frame(Kind.DIALECT, b'event: response.x\ndata: {"type":"response.x","a":1}')
    ]


def test_a_whole_response_in_an_odd_state_is_garbled() -> None:
    with pytest.raises(ProviderFailure) as caught:
        decode_response(b'{"status":["completed"]}', Reply(), Inbound("resp_1", {}))
    assert caught.value.failure.code == "response"


def test_an_item_of_an_odd_type_is_a_call_for_all_we_know() -> None:
    body = b'event: response.output_item.added\ndata: {"item":{"type":[]}}'
    assert DIALECTS["responses"].begins_call(Frame(Kind.DIALECT, body))


def test_what_goes_on_after_its_reason_to_stop_is_told() -> None:
    translation = Translation(reader("messages"), writer("responses", {}, 1))
    translation.feed({"type": "message_start", "message": {"id": "m"}})
    translation.feed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}})
    late = {"type": "text_delta", "text": "x"}
    translation.feed({"type": "content_block_delta", "index": 0, "delta": late})
    assert translation.failed is None
    end = translation.end()[-1]
    assert end["response"]["status"] == "completed"
    assert end["response"]["output"][0]["content"][0]["text"] == "x"


def test_gemini_may_give_its_reason_in_every_event() -> None:
    translation = Translation(reader("gemini"), writer("chat", {}, 1))
    events = [given({"text": text}, finish="STOP") for text in "abc"]
    told = [out for event in events for out in translation.feed(event)] + translation.end()
    assert translation.failed is None
    choices = [each["choices"][0] for each in told if each["choices"]]
    assert "".join(each["delta"].get("content") or "" for each in choices) == "abc"
    reasons = [each["finish_reason"] for each in choices]
    assert reasons == [*[None] * (len(reasons) - 1), "stop"]

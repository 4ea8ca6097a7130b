"""What goes past the decoder is what would have come out of it: streams with and without."""

import json
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.codec import Encoder, decode
from broker.dialects.responses.inbound import Inbound
from broker.frames import Frame, Kind
from tests.recorded.corpus import CORPUS
from workers.providers.allowance import Allowance, Share
from workers.providers.base import Reply
from workers.providers.chat_decoder import ChatDecoder
from workers.providers.exchange import Exchange
from workers.providers.gemini_decoder import GeminiDecoder
from workers.providers.messages_decoder import MessagesDecoder
from workers.providers.responses_decoder import ResponsesDecoder
from workers.providers.upstream import Decoder, _Intake


class Store:
    """A sink that encodes as a pen does; ``quick`` says whether it takes what is alike.

    Every so many calls (``refuses``) it has no room: a task must take the frames then.
    """

    def __init__(self, *, quick: bool, refuses: int) -> None:
        self.quick = quick
        self.refuses = refuses
        self.calls = 0
        self.encoder = Encoder()
        self.payload = bytearray()
        self.past = 0  # frames that went past the decoder

    def __call__(self, frames: list[Frame]) -> bool:
        self.calls += 1
        if self.refuses and self.calls % self.refuses == 0:
            return False
        self.take(frames)
        return True

    def take(self, frames: list[Frame]) -> None:
        for frame in frames:
            self.encoder.encode(frame.kind, frame.body, self.payload)

    def alike(self, keys: tuple[bytes, ...]) -> bool:
        return self.quick and self.encoder.alike(keys)

    def again(self, events: bytes) -> int:
        count = self.encoder.again(events, self.payload)
        self.past += count
        return count

    @property
    def frames(self) -> list[Frame]:
        return decode(bytes(self.payload), dict(enumerate(self.encoder.templates)))


class Watched:
    """As much of an exchange as an intake has to do with."""

    elapsed = 1.0

    def __init__(self) -> None:
        self.events = 0
        self.whole = False

    def progress(self, events: int = 0) -> None:
        self.events += events

    def alive(self) -> None:
        pass

    def complete(self) -> None:
        self.whole = True


Kinds = Callable[[Reply], Decoder]
DECODERS: dict[str, Kinds] = {
    "chat": ChatDecoder,
    "messages": MessagesDecoder,
    "responses": lambda reply: ResponsesDecoder(reply, Inbound("resp_1", {})),
    "gemini": GeminiDecoder,
}


def told(kind: Kinds, reads: list[bytes], *, quick: bool, refuses: int = 0) -> Any:
    """All that an answer leaves behind, and how many of its frames went past the decoder."""
    reply, store, watched = Reply(), Store(quick=quick, refuses=refuses), Watched()
    decoder: Decoder = kind(reply)
    intake = _Intake(cast(Exchange, watched), decoder, reply, store, Share(Allowance(0), "a"))
    error: Exception | None = None
    for read in reads:
        if intake.pour(read):
            continue
        try:
            store.take(intake.take(b""))
        except Exception as caught:  # noqa: BLE001 - compared
            error = caught
        if error or decoder.done or decoder.failure:
            break
    left = store.frames, reply, decoder.done, decoder.finished, decoder.failure, repr(error)
    return (*left, watched.events, watched.whole), store.past


def chunk(
    content: str = "hi",
    name: str = "c1",
    reason: str | None = None,
    key: str = "content",
    **more: Any,
) -> bytes:
    choice = {"index": 0, "delta": {key: content}, "finish_reason": reason}
    return b"data: %b\n\n" % json.dumps({"id": name, "choices": [choice], **more}).encode()


def delta(text: str) -> bytes:
    event = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": text},
    }
    return b"event: content_block_delta\ndata: %b\n\n" % json.dumps(event).encode()


START = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m1"}}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

CONTENTS = st.sampled_from(
    ["a", "the", " of", '"', "\\", "\n", "é", "😀", "", '","finish_reason":"stop', "x" * 200]
)
CHUNKS = st.one_of(
    st.builds(chunk, CONTENTS),
    st.builds(chunk, CONTENTS, reason=st.sampled_from([None, "stop", "length"])),
    st.builds(chunk, CONTENTS, name=st.sampled_from(["c1", "c2"])),
    st.builds(chunk, CONTENTS, obfuscation=st.sampled_from(["aB3", "x", "qq"])),
    st.builds(chunk, CONTENTS, key=st.sampled_from(["content", "role", "reasoning_content"])),
    st.builds(chunk, CONTENTS, usage=st.sampled_from([None, {"total_tokens": 3}])),
    st.builds(chunk, CONTENTS, error=st.sampled_from([None, {"message": "no"}])),
    st.sampled_from(
        [
            b"data: [DONE]\n\n",
            b": ping\n\n",
            b'data: {"id":"c1", "choices": [{"index": 0, "delta": {"content": "\xff"}}]}\n\n',
            chunk().replace(b"}]", b"]"),
            b"event: error\n" + chunk(),
            b"id: 7\n" + chunk(),
            chunk().replace(b"data: ", b"data:"),
            chunk().replace(b"\n", b"\r\n"),
        ]
    ),
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.lists(st.lists(CHUNKS, min_size=1, max_size=3).map(b"".join), max_size=25), st.data())
def test_any_stream_is_told_alike(reads: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(reads)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=3))
    starts = [0]
    for read in reads:
        starts.append(starts[-1] + len(read))
    places = sorted({*starts, *cuts})
    pieces = [whole[a:b] for a, b in pairwise(places)]
    refuses = data.draw(st.integers(0, 3))
    quick = told(ChatDecoder, pieces, quick=True, refuses=refuses)
    assert quick[0] == told(ChatDecoder, pieces, quick=False)[0]


@pytest.mark.parametrize("together", [1, 4])
def test_plain_deltas_go_past(together: int) -> None:
    words = [chunk(word) for word in ("one", " two", "three!", " four", "5", "6")]
    reads = [b"".join(words[:2]), b"".join(words[2 : 2 + together])]
    (frames, reply, *_), past = told(ChatDecoder, [*reads, b"data: [DONE]\n\n"], quick=True)
    assert past == together
    assert [frame.body + b"\n\n" for frame in frames] == words[: 2 + together]
    assert reply.events == 2 + together


def test_deltas_of_messages_go_past() -> None:
    reads = [START, delta("a"), delta("b"), delta('"'), delta("c"), delta("d"), STOP]
    quick, past = told(MessagesDecoder, reads, quick=True)
    assert past == 3  # all but the first two
    assert quick == told(MessagesDecoder, reads, quick=False)[0]


def in_pieces(body: bytes, most: int, drawn: random.Random) -> list[bytes]:
    places = [0]
    while places[-1] < len(body):
        places.append(min(places[-1] + drawn.randint(1, most), len(body)))
    return [body[a:b] for a, b in pairwise(places)]


@pytest.mark.parametrize("dialect", CORPUS)
def test_recorded_streams_are_told_alike(dialect: str) -> None:
    """However their bytes arrive, and whatever room there is for them."""
    drawn, kind = random.Random(20), DECODERS[dialect]
    for stream in CORPUS[dialect]:
        small = in_pieces(stream.body, 5, drawn)
        slowly = told(kind, small, quick=False)[0]
        for most in (3, 40, 400, 4000):
            pieces = in_pieces(stream.body, most, drawn)
            quick = told(kind, pieces, quick=True, refuses=drawn.randrange(4))[0]
            assert quick[:6] == slowly[:6], (stream.name, most)  # more may have been heard


@pytest.mark.parametrize("stops", [STOP, b'event: error\ndata: {"type":"error","error":{}}\n\n'])
@pytest.mark.parametrize("behind", [delta("z"), STOP, b"data: }\n\n", b"x" * 5000])
def test_nothing_behind_the_end_is_told(stops: bytes, behind: bytes) -> None:
    """Wherever the bytes are cut, and though much more has come by then."""
    frames, reply, *ends = told(MessagesDecoder, [START, delta("a"), stops], quick=True)[0]
    whole = START + delta("a") + stops + behind * 2
    for cut in range(len(whole)):
        after = told(MessagesDecoder, [whole[:cut], whole[cut:]], quick=True)[0]
        assert after[:2] == (frames, reply)
        assert list(after[2:6]) == ends[:4]  # more has been heard, none of it told


def test_what_means_something_does_not() -> None:
    """A finish reason varies under a key of its own, and numbers are no strings."""
    reads = [chunk("a", reason=None), chunk("a", reason="stop")] * 3
    assert told(ChatDecoder, reads, quick=True)[1] == 0
    reads = [chunk("a", usage={"total_tokens": n}) for n in range(8)]
    assert told(ChatDecoder, reads, quick=True)[1] == 0


def test_an_encoder_knows_what_varies() -> None:
    encoder, out = Encoder(), bytearray()
    keys = (b'"content":"',)
    assert not encoder.alike(keys)
    for word in ("a", "b"):
        encoder.encode(Kind.DIALECT, chunk(word)[:-2], out)
    assert encoder.alike(keys)
    assert not encoder.alike((b'"text":"',))
    assert not encoder.alike(())
    encoder.encode(Kind.NATIVE, b"event: attempt\ndata: {}", out)
    assert not encoder.alike(keys)


def test_whole_events_go_past_between_two_in_parts() -> None:
    words = [chunk(word) for word in ("a", "b", "c", "d", "e", "f")]
    whole = b"".join(words)
    reads = [whole[:20], whole[20 : 4 * len(words[0]) + 30], whole[4 * len(words[0]) + 30 :]]
    (frames, *_), past = told(ChatDecoder, [b"".join(words[:2]), *reads], quick=True)
    assert past == 4  # all but the one in parts, each time, and the first two
    assert [frame.body + b"\n\n" for frame in frames] == words[:2] + words


@pytest.mark.parametrize("text", [b"a", b"\\n", b"\\u00e9\\ud83d", "é".encode(), b"\\\\", b'\\"'])
def test_what_may_stand_in_a_string(text: bytes) -> None:
    encoder, out = Encoder(), bytearray()
    for word in (b"a", b"b"):
        encoder.encode(Kind.DIALECT, b'data: {"content":"%b"}' % word, out)
    assert encoder.again(b'data: {"content":"%b"}\n\n' % text, out) == 1
    json.loads(b'"%b"' % text)


@pytest.mark.parametrize(
    "text", [b'"', b"\\", b"\\x", b"\\u12", b"\n", b"\xff", b"\\u123g", b"\x00"]
)
def test_what_may_not(text: bytes) -> None:
    encoder, out = Encoder(), bytearray()
    for word in (b"a", b"b"):
        encoder.encode(Kind.DIALECT, b'data: {"content":"%b"}' % word, out)
    before = bytes(out)
    events = b'data: {"content":"c"}\n\ndata: {"content":"%b"}\n\n' % text
    assert encoder.again(events, out) == 0
    assert out == before

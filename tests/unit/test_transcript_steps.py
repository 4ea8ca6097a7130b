"""A transcript fed in steps is the one made at once, wherever a recorded stream is cut."""

from typing import Any

import msgspec
import pytest

from broker.dialects.chat.transcript import Transcript as ChatTranscript
from broker.dialects.messages.transcript import Transcript as MessagesTranscript
from broker.dialects.registry import DIALECTS
from broker.dialects.responses.transcript import Transcript as ResponsesTranscript
from broker.dialects.text import Growing
from broker.frames import ATTEMPT, Frame, Kind, data_frame
from tests.recorded.corpus import CORPUS
from tests.recorded.reading import events_of
from tests.recorded.stream import Recorded

STREAMS = [(name, stream) for name in DIALECTS for stream in CORPUS[name]]


def attempt(number: int, **more: Any) -> Frame:
    notice = {"number": number, "provider": "p", "model": "m", **more}
    return data_frame(Kind.NATIVE, msgspec.json.encode(notice), ATTEMPT)


def frames_of(stream: Recorded) -> list[Frame]:
    """The stream as two attempts would leave it: the second one goes on in its middle."""
    found = [
        data_frame(Kind.DIALECT, event.data, (event.name or "").encode())
        for event in events_of(stream.body)
        if event.data != b"[DONE]"
    ]
    middle = len(found) // 2
    second = attempt(2, mode="continue")
    return [attempt(1), *found[:middle], second, *found[middle:], Frame(Kind.TERMINAL, b"{}")]


def seen(transcript: Any) -> list[Any]:
    """All that a transcript shows."""
    common = [
        transcript.before,
        transcript.length,
        transcript.usage,
        transcript.said,
        transcript.silent,
        transcript.prefillable,
        transcript.complete(1),
        transcript.complete(2),
    ]
    if isinstance(transcript, ChatTranscript):
        return [*common, transcript.identity, transcript.choices, transcript.text()]
    if isinstance(transcript, MessagesTranscript):
        blocks = [(index, block.whole, block.closed) for index, block in transcript.blocks]
        return [*common, blocks, transcript.texts(), transcript.message.fields]
    assert isinstance(transcript, ResponsesTranscript)
    texts = {place: str(text) for place, text in transcript.texts.items()}
    more = [transcript.due, transcript.whole, transcript.lived, transcript.open, transcript.life]
    return [*common, texts, *more, transcript.output, transcript.text()]


@pytest.mark.parametrize(
    ("name", "stream"), STREAMS, ids=[f"{name}: {stream.name}" for name, stream in STREAMS]
)
def test_every_cut(name: str, stream: Recorded) -> None:
    make, frames = DIALECTS[name].transcript, frames_of(stream)
    whole = seen(make(frames))
    for cut in range(len(frames) + 1):
        transcript = make(frames[:cut])
        begun = seen(transcript)  # to look at it changes nothing
        assert begun == seen(transcript) == seen(make(frames[:cut]))
        transcript.take(frames[cut:])
        assert seen(transcript) == whole
    one_by_one = make()
    for frame in frames:
        one_by_one.take([frame])
    assert seen(one_by_one) == whole


def test_a_long_text_is_kept_in_few_pieces() -> None:
    text = Growing("a")
    for number in range(10_000):
        text.add(str(number % 10))
    assert len(text._done) + len(text._loose) < 600
    assert len(text) == len(str(text)) == 10_001
    assert str(text) == "a" + "0123456789" * 1000
    assert not Growing("")

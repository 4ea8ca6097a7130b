"""Compact frames come back byte for byte, and realistic ones are small."""

import json
import random
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.codec import (
    MAX_TEMPLATES,
    Encoder,
    Template,
    UnknownTemplate,
    decode,
    define,
    fit,
    parse_definition,
    put_varint,
    verbatim,
)
from broker.frames import Frame, Kind, data_frame

PROPERTY = settings(max_examples=150, derandomize=True, deadline=None)

scalar = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(["\\", '"', '","', "\ud83d", "é", "\n", "\0", "\u2028"]),
)
shape = st.fixed_dictionaries({"id": scalar, "d": st.fixed_dictionaries({"content": scalar})})
event = st.builds(
    lambda value, ascii_only, spaced: json.dumps(
        value, ensure_ascii=ascii_only, separators=None if spaced else (",", ":")
    ).encode("utf-8", "surrogatepass"),
    shape,
    st.booleans(),
    st.booleans(),
)
# Bytes that are nearly JSON: the alphabet of the codec's own seams.
garble = st.lists(st.sampled_from(list(b'"\\\0\n1-.ea{}:, \xff')), max_size=24).map(bytes)
frame = st.builds(
    Frame,
    st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4]),
    st.one_of(event, garble, st.binary(max_size=16)),
)


def entries(
    frames: Sequence[Frame], cuts: Sequence[int] = ()
) -> list[tuple[list[tuple[int, bytes]], bytes]]:
    """What the appends of these frames would store: (new definitions, payload) each."""
    encoder, out, stored = Encoder(), bytearray(), []
    for place, (kind, body) in enumerate(frames, 1):
        encoder.encode(kind, body, out)
        if place in cuts or place == len(frames):
            stored.append((encoder.take_fresh(), bytes(out)))
            out = bytearray()
    return stored


def read_back(stored: list[tuple[list[tuple[int, bytes]], bytes]]) -> list[Frame]:
    """A follower's reading: at each entry it has the definitions written so far, no more."""
    templates: dict[int, Template] = {}
    frames: list[Frame] = []
    for definitions, payload in stored:
        for number, text in definitions:
            assert number not in templates, "a definition never changes"
            templates[number] = parse_definition(text)
        frames += decode(payload, templates)
    assert len(templates) <= MAX_TEMPLATES
    return frames


def size(stored: list[tuple[list[tuple[int, bytes]], bytes]]) -> int:
    return sum(
        len(payload) + sum(len(text) for _, text in definitions) for definitions, payload in stored
    )


def chunk(delta: dict[str, Any], index: int = 0, **fields: Any) -> bytes:
    return json.dumps(
        {
            "id": "chatcmpl-C4hJr0Zxq9cXcS3gXvF2nq5Zb7tLd",
            "object": "chat.completion.chunk",
            "created": fields.pop("created", 1_780_000_000),
            "model": "gpt-5-mini-2026-08-07",
            "service_tier": "default",
            "system_fingerprint": "fp_44709d6fcb",
            "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": None}],
            "usage": None,
            **fields,
        },
        separators=(",", ":"),
    ).encode()


def obfuscated(token: str, draw: random.Random, **fields: Any) -> Frame:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    padding = "".join(draw.choices(letters, k=max(0, 14 - len(token))))
    return data_frame(Kind.DIALECT, chunk({"content": token}, obfuscation=padding, **fields))


WORDS = [" the", " stream", "ing", " é", ' "so', "\n", "\\n", " token", "s", ".", " 😀", ","]


@PROPERTY
@given(st.lists(frame, max_size=40), st.sets(st.integers(1, 40)))
def test_any_frames_come_back_byte_for_byte(frames: list[Frame], cuts: set[int]) -> None:
    assert read_back(entries(frames, tuple(cuts))) == frames


@PROPERTY
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=8).map(tuple))
def test_a_definition_comes_back(template: Template) -> None:
    assert parse_definition(define(template)) == template


@PROPERTY
@given(st.lists(garble, min_size=1, max_size=4).map(tuple), garble)
def test_what_fits_renders_to_the_same_bytes(template: Template, body: bytes) -> None:
    holes = fit(template, body)
    if holes is not None:
        assert len(holes) == len(template) - 1
        parts = [template[0]]
        for hole, segment in zip(holes, template[1:], strict=True):
            parts += (hole, segment)
        assert b"".join(parts) == body


def test_head_and_tail_of_a_template_do_not_overlap() -> None:
    assert fit((b'{"a', b'"a"}'), b'{"a"}') is None
    assert fit((b"ab", b"", b"bc"), b"abc") is None


def test_a_real_stream_is_under_twenty_bytes_a_frame() -> None:
    draw = random.Random(7)
    frames = [data_frame(Kind.DIALECT, chunk({"role": "assistant", "content": ""}))]
    frames += [obfuscated(draw.choice(WORDS), draw) for _ in range(1000)]
    stored = entries(frames, range(5, 1000, 5))
    assert read_back(stored) == frames
    assert size(stored) / len(frames) < 20


def test_a_stream_whose_created_changes_is_small_too() -> None:
    draw = random.Random(8)
    frames = [
        obfuscated(draw.choice(WORDS), draw, created=1_780_000_000 + i // 50) for i in range(1000)
    ]
    stored = entries(frames)
    assert read_back(stored) == frames
    assert size(stored) / len(frames) < 32  # ten digits more, and their length


def test_interleaved_choices_get_their_own_templates() -> None:
    draw = random.Random(9)
    frames = [obfuscated(draw.choice(WORDS), draw, index=i % 5) for i in range(1000)]
    stored = entries(frames, range(1, 1000))
    assert read_back(stored) == frames
    assert size(stored) / len(frames) < 25


def test_escapes_stay_as_the_provider_wrote_them() -> None:
    deltas = [rb"caf\u00e9", rb"a\/b", rb"\ud83d", rb"\ude00", rb"\"},\"", "é".encode(), b"", b"\\"]
    frames = [
        data_frame(Kind.DIALECT, b'{"choices":[{"delta":{"content":"' + text + b'"}}]}')
        for text in deltas * 3
    ]
    assert read_back(entries(frames)) == frames


def nested(depth: int, text: int) -> Frame:
    """A frame whose shape is its depth: keys are strings too, and may become holes."""
    return Frame(Kind.DIALECT, b'%b"%d"%b' % (b"[" * depth, text, b"]" * depth))


def test_no_job_has_more_than_the_most_templates() -> None:
    frames = [nested(i // 3, i) for i in range(300)]
    stored = entries(frames)
    assert sum(len(definitions) for definitions, _ in stored) == MAX_TEMPLATES
    assert read_back(stored) == frames


def test_more_shapes_at_once_than_are_remembered_stay_verbatim() -> None:
    frames = [nested(i % 100, i) for i in range(300)]
    stored = entries(frames)
    assert [definitions for definitions, _ in stored] == [[]]
    assert read_back(stored) == frames


def test_huge_frames_come_back() -> None:
    huge = [chunk({"content": "x" * length}) for length in (3, 5, 127, 128, 20_000, 300_000)]
    frames = [Frame(Kind.DIALECT, body) for body in huge]
    frames.append(Frame(Kind.WHOLE, b"y" * 2_000_000))
    stored = entries(frames)
    assert read_back(stored) == frames
    assert size(stored) < sum(len(body) for _, body in frames) - 3 * 250  # a learned shape fits


def test_bytes_that_imitate_the_seams_of_a_shape_are_no_danger() -> None:
    frames = [Frame(Kind.DIALECT, body) for body in (b"a\0b", b"a1b", b"a\0b", b'a"1"b', b"a1b")]
    assert read_back(entries(frames)) == frames


@pytest.mark.parametrize("kind", list(Kind))
def test_a_verbatim_frame_needs_no_template(kind: Kind) -> None:
    body = b'{"state":"cancelled"}' * 10
    assert decode(verbatim(kind, body), {}) == [Frame(kind, body)]


def test_only_dialect_frames_are_made_compact() -> None:
    frames = [Frame(kind, b'{"a":"b"}') for kind in (1, 2, 3, 4) for _ in range(3)]
    stored = entries(frames)
    assert [definitions for definitions, _ in stored] == [[]]
    assert read_back(stored) == frames


def test_a_missing_template_is_named() -> None:
    (_, first), (definitions, second) = entries(
        [Frame(0, b'{"a":"1"}'), Frame(0, b'{"a":"2"}')], (1,)
    )
    assert decode(first, {}) == [Frame(0, b'{"a":"1"}')]
    assert definitions
    with pytest.raises(UnknownTemplate) as caught:
        decode(second, {})
    assert caught.value.args == (0,)


def test_definitions_are_handed_out_once() -> None:
    encoder, out = Encoder(), bytearray()
    for text in (b'{"a":"1"}', b'{"a":"2"}', b'{"a":"3"}'):
        encoder.encode(0, text, out)
    assert len(encoder.take_fresh()) == 1
    assert encoder.take_fresh() == []


# ── Differences, which only the store's script writes (tests/store/test_ended.py) ──────────


def in_common(one: bytes, other: bytes) -> int:
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def difference(frame: Frame, number: int, text: bytes) -> bytes:
    """The frame as its difference from ``text``, which is what ``number`` names."""
    body = frame.body
    before = in_common(body, text)
    after = in_common(body[before:][::-1], text[before:][::-1])
    out = bytearray((128 + frame.kind, number))
    for size in (before, after, len(body) - before - after):
        put_varint(out, size)
    return bytes(out) + body[before : len(body) - after]


@PROPERTY
@given(st.lists(frame, min_size=1, max_size=12), st.data())
def test_differences_come_back_byte_for_byte(frames: list[Frame], data: st.DataObject) -> None:
    templates = {0: (b"x", b"y"), 3: (b'data: {"id":"', b'","n":', b"}")}
    texts = {0: b"", 1: b"xy", 4: b'data: {"id":"","n":}'}
    payload = b""
    for each in frames:
        payload += b"\x00\x02ab" if data.draw(st.booleans()) else b""
        number = data.draw(st.sampled_from([None, *texts]))
        payload += verbatim(*each) if number is None else difference(each, number, texts[number])
        texts[0] = each.body
    found = decode(payload, templates)
    assert [each for each in found if each != Frame(Kind.DIALECT, b"xaby")] == frames


def test_a_difference_from_a_template_that_was_not_read() -> None:
    with pytest.raises(UnknownTemplate):
        decode(b"\x80\x03\x01\x01\x00", {0: (b"a", b"b")})

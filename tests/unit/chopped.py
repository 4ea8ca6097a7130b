"""Whole answers of every kind, and the chunks they might have come in."""

import json
import random
from typing import Any

from hypothesis import strategies as st

from broker.frames import Frame, Kind, data_frame


def frames_of(*chunks: Any) -> list[Frame]:
    return [
        data_frame(Kind.DIALECT, json.dumps(chunk, ensure_ascii=i % 2 == 0).encode("utf-8"))
        for i, chunk in enumerate(chunks)
    ]


def chop_text(text: str, draw: random.Random) -> list[str]:
    cuts = sorted(draw.randrange(len(text) + 1) for _ in range(draw.randrange(4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def chop_call(index: int, call: dict[str, Any], draw: random.Random) -> list[dict[str, Any]]:
    kind = call["type"]
    body = call[kind]
    grows = "arguments" if kind == "function" else "input"
    first = {
        "index": index,
        "id": call["id"],
        "type": kind,
        kind: {"name": body["name"], grows: ""},
    }
    rest = [{"index": index, kind: {grows: part}} for part in chop_text(body[grows], draw)]
    return [first, *rest]


def chop_message(message: dict[str, Any], draw: random.Random) -> list[dict[str, Any]]:
    """Deltas in which each field's pieces are in order; fields follow one another."""
    deltas: list[dict[str, Any]] = [{"role": message["role"], "content": None}]
    if "refusal" in message:
        deltas[0]["refusal"] = None
    for field in ("content", "refusal", "reasoning_content", "flavour"):
        if message.get(field) is not None:
            deltas += [{field: part} for part in chop_text(message[field], draw)]
    lanes = [chop_call(i, c, draw) for i, c in enumerate(message.get("tool_calls", ()))]
    while any(lanes):  # parallel calls may come interleaved
        lane = draw.choice([lane for lane in lanes if lane])
        deltas.append({"tool_calls": [lane.pop(0)]})
    if "function_call" in message:
        call = message["function_call"]
        deltas.append({"function_call": {"name": call["name"], "arguments": ""}})
        deltas += [{"function_call": {"arguments": p}} for p in chop_text(call["arguments"], draw)]
    if "audio" in message:
        audio = message["audio"]
        deltas.append({"audio": {"id": audio["id"], "data": "", "transcript": ""}})
        deltas += [{"audio": {"data": part}} for part in chop_text(audio["data"], draw)]
        deltas += [{"audio": {"transcript": p}} for p in chop_text(audio["transcript"], draw)]
        deltas.append({"audio": {"expires_at": audio["expires_at"]}})
    deltas += [{"annotations": [one]} for one in message.get("annotations", ())]
    return deltas


def chop_choice(choice: dict[str, Any], draw: random.Random) -> list[dict[str, Any]]:
    index = choice["index"]
    pieces: list[dict[str, Any]] = [
        {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
        for delta in chop_message(choice["message"], draw)
    ]
    if choice["logprobs"] is not None:
        for key, tokens in choice["logprobs"].items():
            for token in tokens or ():
                pieces.append({"index": index, "delta": {}, "logprobs": {key: [token]}})
        pieces.append({"index": index, "delta": {}, "logprobs": dict.fromkeys(choice["logprobs"])})
    pieces.append({"index": index, "delta": {}, "finish_reason": choice["finish_reason"]})
    return pieces


def chop(answer: dict[str, Any], draw: random.Random) -> list[Frame]:
    """The frames of a provider that streams this answer, choices interleaved."""
    lanes = [chop_choice(choice, draw) for choice in answer["choices"]]
    top = {key: value for key, value in answer.items() if key not in ("choices", "usage")}
    top["object"] = "chat.completion.chunk"
    chunks = []
    while any(lanes):
        lane = draw.choice([lane for lane in lanes if lane])
        padding = {"obfuscation": "x" * draw.randrange(8), "usage": None}
        chunks.append({**top, "choices": [lane.pop(0)], **padding})
    frames = frames_of(*chunks)
    usage = {**top, "choices": [], "usage": answer["usage"]}
    native = data_frame(Kind.NATIVE, b'{"number":1}', b"attempt")
    return [
        native,
        *frames,
        data_frame(Kind.USAGE, json.dumps(usage).encode()),
        Frame(Kind.TERMINAL, b'{"state":"completed"}'),
    ]


# ── Whole answers ──────────────────────────────────────────────────────────────────────

text = st.text(max_size=12)
word = st.text("abcdefgh_", min_size=1, max_size=6)
token = st.fixed_dictionaries(
    {
        "token": text,
        "logprob": st.floats(-10, 0),
        "bytes": st.none() | st.lists(st.integers(0, 255), max_size=3),
        "top_logprobs": st.lists(
            st.fixed_dictionaries({"token": text, "logprob": st.floats(-10, 0)}), max_size=2
        ),
    }
)
tokens = st.lists(token, min_size=1, max_size=3)
function_call = st.fixed_dictionaries({"name": word, "arguments": text})
call = st.one_of(
    st.fixed_dictionaries({"id": word, "type": st.just("function"), "function": function_call}),
    st.fixed_dictionaries(
        {
            "id": word,
            "type": st.just("custom"),
            "custom": st.fixed_dictionaries({"name": word, "input": text}),
        }
    ),
)
audio = st.fixed_dictionaries(
    {"id": word, "data": word, "transcript": text, "expires_at": st.integers(1, 2**31)}
)
annotation = st.fixed_dictionaries(
    {
        "type": st.just("url_citation"),
        "url_citation": st.fixed_dictionaries({"url": word, "start_index": st.integers(0, 9)}),
    }
)
message = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | text},
    optional={
        "refusal": st.none() | text,
        "reasoning_content": text,
        "flavour": text,
        "tool_calls": st.lists(call, min_size=1, max_size=3),
        "function_call": function_call,
        "audio": audio,
        "annotations": st.lists(annotation, min_size=1, max_size=3),
    },
)
logprobs = st.none() | st.fixed_dictionaries({"content": tokens, "refusal": st.none() | tokens})
finish_reason = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    indexes = range(draw(st.integers(1, 3)))
    return {
        "id": draw(word),
        "object": "chat.completion",
        "created": draw(st.integers(1, 2**31)),
        "model": draw(word),
        "service_tier": draw(st.none() | word),
        "system_fingerprint": draw(st.none() | word),
        "extra": draw(st.none() | st.dictionaries(word, st.integers(), max_size=2)),
        "choices": [
            {
                "index": index,
                "message": draw(message),
                "logprobs": draw(logprobs),
                "finish_reason": draw(finish_reason),
            }
            for index in indexes
        ],
        "usage": draw(st.fixed_dictionaries({"total_tokens": st.integers(0, 99)})),
    }

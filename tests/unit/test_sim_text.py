"""The deterministic text, and the answers rendered from it."""

import json
from typing import Any

import pytest

from sim.answer import Answer, compose
from sim.behaviour import End, parse
from sim.render import Script, script, whole
from sim.request import ChatRequest, RequestError, decode
from sim.text import ODD, blocks, decoded, letters, quoted, seed, tokens

CHAR_FIELDS = ["id", "object", "created", "model", "service_tier", "system_fingerprint", "choices"]


def ask(model: str, prompt: str = "hello", **fields: Any) -> ChatRequest:
    messages = fields.pop("messages", [{"role": "user", "content": prompt}])
    return decode(json.dumps({"model": model, "messages": messages, **fields}).encode())


def answer_to(request: ChatRequest, ordinal: int = 1) -> Answer:
    return compose(request, parse(request.model), ordinal)


def streamed(request: ChatRequest, ordinal: int = 1) -> tuple[bytes, Script]:
    made = script(answer_to(request, ordinal), request, parse(request.model))
    return b"".join((made.opening, *made.deltas, made.closing)), made


def payloads(body: bytes) -> list[Any]:
    """The events' JSON; every event must be one data line."""
    blocks = body.split(b"\n\n")
    assert blocks.pop() == b""
    assert all(block.startswith(b"data: ") and b"\n" not in block for block in blocks)
    texts = [block.removeprefix(b"data: ") for block in blocks]
    return [text if text == b"[DONE]" else json.loads(text) for text in texts]


def content(body: bytes, index: int = 0) -> str:
    found = ""
    for chunk in payloads(body):
        if chunk != b"[DONE]":
            for choice in chunk["choices"]:
                if choice["index"] == index:
                    found += choice["delta"].get("content") or ""
    return found


# ── text ───────────────────────────────────────────────────────────────────────────────


def test_the_same_seed_gives_the_same_text_and_a_shorter_one_is_its_beginning() -> None:
    source = seed("model", "prompt")
    assert tokens(source, 80) == tokens(seed("model", "prompt"), 80)
    assert tokens(source, 20) == tokens(source, 80)[:20]
    assert tokens(source, 80) != tokens(seed("model", "other"), 80)
    assert tokens(source, 0) == []


def test_seeds_do_not_run_together() -> None:
    assert seed("ab", "c") != seed("a", "bc")
    assert len(seed("\ud83d")) == 16


def test_a_token_is_about_five_bytes_with_a_leading_space() -> None:
    words = tokens(seed("x"), 1000)
    assert 4 < sum(map(len, words)) / 1000 < 6
    assert all(word.startswith(b" ") for word in words)
    assert any(not word.isascii() for word in words)


def test_odd_tokens_are_json_that_does_not_come_back_the_same() -> None:
    odd = tokens(seed("x"), 400, escape=True)
    assert set(odd) >= set(ODD)
    changed = [token for token in ODD if quoted(decoded(token))[1:-1] != token]
    assert len(changed) >= 4
    assert decoded(rb"\ud83d") == "\ud83d"


def test_blocks_are_of_one_size_and_a_shorter_text_is_their_beginning() -> None:
    many = blocks(b"s", 100, 50)
    assert {len(block) for block in many} == {50}
    assert len(set(many)) > 5
    assert many[:20] == blocks(b"s", 20, 50)
    assert len(content(streamed(ask("tokens=4,size=50"))[0])) == 200


def test_letters_look_random_and_repeat() -> None:
    assert letters(b"s", 64) == letters(b"s", 64)
    assert letters(b"s", 64).isalnum()
    assert len(set(letters(b"s", 64))) > 20


# ── request ────────────────────────────────────────────────────────────────────────────


def test_the_prompt_is_the_last_user_message() -> None:
    parts = [{"type": "text", "text": "a "}, {"type": "image_url", "image_url": {}}, {"text": "b"}]
    request = ask(
        "default",
        messages=[
            {"role": "user", "content": "first"},
            {"role": "user", "content": parts},
            {"role": "assistant", "content": "said"},
        ],
    )
    assert request.prompt == "a b"
    assert request.said == "said"
    assert ask("default", messages=[]).prompt == ""


def test_lone_surrogates_in_a_request_are_read() -> None:
    assert ask("default", "\ud83d").prompt == "\ud83d"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"\xff",
        b'{"model":"m"}',
        b'{"model":1,"messages":[]}',
        b'{"model":"m","messages":[],"n":0}',
        b'{"model":"m","messages":[],"max_tokens":-1}',
        b"[" * 200_000,
    ],
)
def test_a_bad_request_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError):
        decode(body)


# ── streams ────────────────────────────────────────────────────────────────────────────


def test_a_stream_has_the_shape_of_openais() -> None:
    body, made = streamed(ask("tokens=3"))
    chunks = payloads(body)
    assert chunks.pop() == b"[DONE]"
    assert [list(chunk) for chunk in chunks] == [CHAR_FIELDS] * 5
    assert chunks[0]["choices"] == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "", "refusal": None},
            "logprobs": None,
            "finish_reason": None,
        }
    ]
    assert [list(chunk["choices"][0]["delta"]) for chunk in chunks[1:4]] == [["content"]] * 3
    assert chunks[4]["choices"][0] == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert {chunk["model"] for chunk in chunks} == {"tokens=3"}
    assert b'": ' not in body
    assert made.end is None


def test_bytes_repeat_but_for_the_id() -> None:
    request = ask("tokens=20,obfuscation")
    assert streamed(request)[0] == streamed(request)[0]
    first, second = payloads(streamed(request, 1)[0]), payloads(streamed(request, 2)[0])
    assert first[0]["id"] != second[0]["id"]
    assert content(streamed(request, 1)[0]) == content(streamed(request, 2)[0])
    fixed = ask("tokens=20,obfuscation,id=same")
    assert streamed(fixed, 1)[0] == streamed(fixed, 2)[0]


def test_usage_is_in_every_chunk_once_asked_for() -> None:
    request = ask("tokens=4", "two words", stream_options={"include_usage": True})
    chunks = payloads(streamed(request)[0])[:-1]
    last = chunks.pop()
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens"] == 2
    assert last["usage"]["completion_tokens"] == 4
    assert last["usage"]["total_tokens"] == 6
    deaf = ask("tokens=4,nousage", stream_options={"include_usage": True})
    assert all("usage" not in chunk for chunk in payloads(streamed(deaf)[0])[:-1])


def test_obfuscation_masks_the_length_of_a_chunk() -> None:
    body, _ = streamed(ask("tokens=40,obfuscation"))
    chunks = payloads(body)[1:-2]
    assert all(chunk["obfuscation"].isalnum() for chunk in chunks)
    assert len({chunk["obfuscation"] for chunk in chunks}) > 30
    lines = body.split(b"\n\n")[1:41]
    assert len({len(line) for line in lines}) <= 2
    refused = ask("tokens=4,obfuscation", stream_options={"include_obfuscation": False})
    assert b"obfuscation" not in streamed(refused)[0].replace(b"tokens=4,obfuscation", b"")


def test_choices_take_turns_and_differ() -> None:
    body, made = streamed(ask("tokens=3", n=2))
    order = [chunk["choices"][0]["index"] for chunk in payloads(body)[:-1]]
    assert order == [0, 1] * 5
    assert made.width == 2
    assert content(body, 0) != content(body, 1)


def test_tool_calls_come_in_pieces_of_valid_json() -> None:
    request = ask("tokens=5,parallel=2", tools=[{"type": "function", "function": {"name": "find"}}])
    chunks = payloads(streamed(request)[0])[:-1]
    arguments = {0: "", 1: ""}
    ids = []
    for chunk in chunks:
        for call in chunk["choices"][0]["delta"].get("tool_calls", []):
            arguments[call["index"]] += call["function"]["arguments"]
            if "id" in call:
                ids.append(call["id"])
                assert call["function"]["name"] == "find"
    assert len(set(ids)) == 2
    assert all(list(json.loads(text)) == ["query"] for text in arguments.values())
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_reasoning_comes_first() -> None:
    chunks = payloads(streamed(ask("tokens=2,reasoning=3"))[0])[1:-2]
    keys = [list(chunk["choices"][0]["delta"]) for chunk in chunks]
    assert keys == [["content", "reasoning_content"]] * 3 + [["content"]] * 2


def test_a_cap_cuts_the_same_text_short() -> None:
    long = content(streamed(ask("tokens=30"))[0])
    body, _ = streamed(ask("tokens=30", max_tokens=4))
    assert long.startswith(content(body))
    assert payloads(body)[-2]["choices"][0]["finish_reason"] == "length"
    exact, _ = streamed(ask("tokens=30", max_completion_tokens=30))
    assert payloads(exact)[-2]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("cap", range(1, 12))
def test_a_cap_counts_reasoning_and_tool_calls(cap: int) -> None:
    answer = answer_to(ask("reasoning=2,tokens=1,parallel=2", max_tokens=cap))
    assert answer.choices[0].count == min(cap, 10)
    assert answer.choices[0].finish == (b"length" if cap < 10 else b"tool_calls")


def test_one_chunk_can_be_big() -> None:
    chunks = payloads(streamed(ask("tokens=2,bigchunk=100000"))[0])
    assert len(chunks[1]["choices"][0]["delta"]["content"]) == 100_000
    assert len(chunks) == 5


def test_other_line_ends_and_comments() -> None:
    body, _ = streamed(ask("tokens=2,crlf,comments=1"))
    blocks = body.split(b"\r\n\r\n")
    assert blocks.pop() == b""
    assert all(block.startswith(b": keepalive\r\ndata: ") for block in blocks)
    assert body.count(b"\n") == body.count(b"\r\n")
    apart, _ = streamed(ask("tokens=2,comments=2"))
    assert apart.split(b"\n\n")[0] == b": keepalive"


@pytest.mark.parametrize("said", [0, 1, 7, 19, 20])
def test_prefill_goes_on_where_the_answer_stopped(said: int) -> None:
    model = "tokens=20,prefill"
    pieces = [decoded(token) for token in answer_to(ask(model)).choices[0].content]
    for text in ("".join(pieces[:said]), "".join(pieces)[: said * 2]):
        messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": text}]
        rest = content(streamed(ask(model, messages=messages))[0])
        assert text + rest == "".join(pieces)


def test_prefill_with_another_text_says_all_of_it() -> None:
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "Else"}]
    model = "tokens=20,prefill"
    assert content(streamed(ask(model, messages=messages))[0]) == content(streamed(ask(model))[0])


# ── faults ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("after", [0, 1, 5])
@pytest.mark.parametrize("end", [End.DROP, End.EOF, End.HANG])
def test_an_early_end_sends_so_many_chunks(end: End, after: int) -> None:
    body, made = streamed(ask(f"tokens=5,{end}={after}"))
    assert len(payloads(body)) == 1 + after
    assert made.end is end


def test_an_end_beyond_the_last_token_is_never_met() -> None:
    body, made = streamed(ask("tokens=5,dropafter=6"))
    assert body.endswith(b"data: [DONE]\n\n")
    assert made.end is None


def test_an_error_in_the_stream_ends_it() -> None:
    chunks = payloads(streamed(ask("tokens=5,errorafter=2"))[0])
    assert len(chunks) == 4
    assert chunks[-1]["error"]["type"] == "server_error"


@pytest.mark.parametrize("after", [0, 1, 5])
def test_garble_is_one_event_more(after: int) -> None:
    body, _ = streamed(ask(f"tokens=5,garbleafter={after}"))
    blocks = body.split(b"\n\n")[:-1]
    broken = blocks.pop(1 + after)
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken.removeprefix(b"data: "))
    healthy, _ = streamed(ask(f"tokens=5,garbleafter={after + 9}"))
    assert len(blocks) == len(payloads(healthy))


def test_missing_ends() -> None:
    assert b'"finish_reason":"stop"' not in streamed(ask("tokens=2,nofinish"))[0]
    assert b"[DONE]" not in streamed(ask("tokens=2,nodone"))[0]


# ── whole answers ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", ["tokens=30", "tokens=30,escape", "tokens=3,bigchunk=500"])
def test_a_whole_answer_says_the_same_as_its_stream(model: str) -> None:
    request = ask(model)
    answer = answer_to(request)
    made = json.loads(whole(answer, parse(model)))
    pieces = b"".join(answer.choices[0].content)
    assert b'"content":"%b"' % pieces in whole(answer, parse(model))
    # Surrogate halves that meet become one character in the whole text only.
    said = (
        content(streamed(request)[0]).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )
    text = made["choices"][0]["message"]["content"]
    assert text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") == said
    assert made["object"] == "chat.completion"
    assert made["usage"]["completion_tokens"] == len(answer.choices[0].content)


def test_a_whole_answer_with_reasoning_and_tools() -> None:
    model = "tokens=3,tools,reasoning=2"
    message = json.loads(whole(answer_to(ask(model)), parse(model)))["choices"][0]["message"]
    assert message["content"] is None
    assert message["reasoning_content"]
    assert list(json.loads(message["tool_calls"][0]["function"]["arguments"])) == ["query"]

"""Which frames say no more than that an answer begins."""

import pytest

from broker.dialects.registry import DIALECTS

ROLE = b'data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant"%b},%b}]}'
NO_END = b'"logprobs":null,"finish_reason":null'


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("chat", ROLE % (b"", NO_END)),
        ("chat", ROLE % (b',"content":"","refusal":null', NO_END)),
        ("chat", (ROLE % (b',"content":null', NO_END)).replace(b":", b": ").replace(b",", b", ")),
        ("messages", b'event: message_start\ndata: {"type":"message_start"}'),
        ("messages", b'event: content_block_start\ndata: {"content_block":{"text":""}}'),
        ("responses", b"event: response.created\ndata: {}"),
        ("responses", b"event: response.in_progress\ndata: {}"),
        ("responses", b'event: response.output_item.added\ndata: {"item":{"type":"message"}}'),
    ],
)
def test_an_opening(dialect: str, body: bytes) -> None:
    assert DIALECTS[dialect].opens(body)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("chat", ROLE % (b',"content":"Hi"', NO_END)),
        ("chat", ROLE % (b',"content":" "', NO_END)),
        ("chat", ROLE % (b',"tool_calls":[{"index":0}]', NO_END)),
        ("chat", ROLE % (b',"content":""', b'"finish_reason":"stop"')),
        ("chat", b'data: {"choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}'),
        ("chat", b'data: {"choices":[{"delta":{"content":"\\"role\\""},"finish_reason":null}]}'),
        ("messages", b"event: content_block_delta\ndata: {}"),
        ("messages", b'event: content_block_start\ndata: {"content_block":{"type":"tool_use"}}'),
        ("responses", b"event: response.output_text.delta\ndata: {}"),
        ("responses", b"event: response.failed\ndata: {}"),
        ("responses", b'event: response.output_item.added\ndata: {"item":{"type":"x"}}'),
    ],
)
def test_no_opening(dialect: str, body: bytes) -> None:
    assert not DIALECTS[dialect].opens(body)

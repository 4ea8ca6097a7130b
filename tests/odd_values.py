"""Full requests of every surface, each of their values in turn replaced by an odd one.

What comes of it is no request any more, or an odd one: a 400 or the provider's affair, never
a defect of ours. For tests in the process and for those against a deployment.
"""

import json
from collections.abc import Iterator
from typing import Any

_TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_IMAGE = "data:image/png;base64,aGk="

CHAT: dict[str, Any] = {
    "model": "sim/tokens=1,interval=0",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": _IMAGE}}]},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "Hm.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        {"role": "assistant", "content": "So.", "refusal": None},
        {"role": "user", "content": "And?"},
    ],
    "max_tokens": 9,
    "max_completion_tokens": 9,
    "temperature": 0.5,
    "top_p": 0.5,
    "n": 1,
    "seed": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "stop": ["."],
    "stream": True,
    "stream_options": {"include_usage": True},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": _TOOL}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": True,
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": _TOOL}},
    "reasoning_effort": "low",
    "verbosity": "medium",
    "user": "u",
    "metadata": {"a": "b"},
    "store": False,
}
MESSAGES: dict[str, Any] = {
    "model": "sim-messages/tokens=1,interval=0",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "aGk="},
                }
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"city": "x"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c1",
                    "content": [{"type": "text", "text": "sunny"}],
                    "is_error": False,
                }
            ],
        },
    ],
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 3,
    "stop_sequences": ["."],
    "stream": True,
    "stream_options": {},
    "tools": [{"name": "f", "description": "d", "input_schema": _TOOL}],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": _TOOL}},
    "metadata": {"user_id": "u"},
    "anthropic_beta": ["a-2025-01-01"],
}
RESPONSES: dict[str, Any] = {
    "model": "sim-responses/tokens=1,interval=0",
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": "Hi"},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Hi"},
                {"type": "input_image", "image_url": _IMAGE, "detail": "low"},
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": "e",
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
    ],
    "max_output_tokens": 9,
    "temperature": 0.5,
    "top_p": 0.5,
    "stream": True,
    "stream_options": {"include_obfuscation": False},
    "background": False,
    "store": True,
    "tools": [{"type": "function", "name": "f", "parameters": _TOOL, "strict": False}],
    "tool_choice": {"type": "function", "name": "f"},
    "parallel_tool_calls": True,
    "text": {
        "format": {"type": "json_schema", "name": "a", "schema": _TOOL},
        "verbosity": "medium",
    },
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "previous_response_id": None,
    "conversation": None,
    "prompt": None,
    "metadata": {"a": "b"},
    "truncation": "disabled",
    "user": "u",
}
FULL: dict[str, dict[str, Any]] = {"chat": CHAT, "messages": MESSAGES, "responses": RESPONSES}

# As JSON texts: Python itself can't say all of them.
ODD: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "false": b"false",
    "zero": b"0",
    "minus zero": b"-0.0",
    "minus one": b"-1",
    "a fraction": b"0.5",
    "beyond 64 bits": b"18446744073709551616",
    "400 digits": b"9" * 400,
    "4,000 digits": b"9" * 4000,
    "4,300 digits": b"9" * 4300,
    "5,000 digits": b"9" * 5000,
    "minus 4,000 digits": b"-" + b"9" * 4000,
    "the largest float": b"1.7e308",
    "beyond floats": b"1e999",
    "nearly nothing": b"1e-999",
    "no number": b"NaN",
    "nothing": b'""',
    "a text": b'"x"',
    "a line's end": b'"a\\r\\nx-evil: 1"',
    "NUL": b'"\\u0000"',
    "half a pair": b'"\\ud800"',
    "a line separator": b'"\\u2028"',
    "no ASCII": '"é\U0001f600"'.encode(),
    "no UTF-8": b'"\xff"',
    "dots": b'"../.."',
    "a long text": b'"' + b"a" * 20_000 + b'"',
    "a list": b"[]",
    "a list of a list": b"[[]]",
    "a list of null": b"[null]",
    "a list of numbers": b"[1, 2]",
    "a list of texts": b'["a"]',
    "an object": b"{}",
    "an object of objects": b'{"type": {}, "id": {}, "role": []}',
    "an odd type": b'{"type": ["x"], "role": {"a": 1}, "id": 1}',
    "one key twice": b'{"type": "text", "type": 1}',
    "190 levels": b"[" * 190 + b"]" * 190,
    "300 levels": b'{"a":' * 300 + b"1" + b"}" * 300,
    "900 levels": b"[" * 900 + b"]" * 900,
    "960 levels": b'{"a":' * 960 + b"1" + b"}" * 960,
    "2,000 levels": b"[" * 2000 + b"]" * 2000,
    "a text of 900 levels": b'"' + b"[" * 900 + b"]" * 900 + b'"',
    "arguments of 960 levels": b'"' + b'{\\"a\\":' * 960 + b"1" + b"}" * 960 + b'"',
}

_MARK = "\N{BLACK SQUARE}"
Path = tuple[str | int, ...]


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every value in a value, itself apart."""
    rows: Any = ()
    if isinstance(value, dict):
        rows = value.items()
    elif isinstance(value, list):
        rows = enumerate(value)
    for key, inner in rows:
        yield (*path, key)
        yield from paths(inner, (*path, key))


def spoiled(request: dict[str, Any], path: Path, odd: bytes) -> bytes:
    """The request as JSON, with this in the place of what stands at the path."""
    marked = json.loads(json.dumps(request))
    place = marked
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = _MARK
    text = json.dumps(marked, ensure_ascii=False).encode()
    return text.replace(f'"{_MARK}"'.encode(), odd)

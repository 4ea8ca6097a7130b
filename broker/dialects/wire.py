"""JSON, as providers really write it, whatever the dialect.

msgspec is strict, and right to be: it refuses half a surrogate pair. But a provider that
cuts its text by UTF-16 units writes ``"\\ud83d"`` in one chunk and ``"\\ude00"`` in the
next, each valid to the JSON grammar; joined they are one character again. So what msgspec
refuses is read and written by the standard library, which keeps such halves.
"""

import json
import math
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_DIGITS = 4300  # Python reads no longer integer, lest it take minutes


def decode_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object in an event's data, or None if there is none.

    Bytes that are not UTF-8 become U+FFFD, as in any SSE client; numbers that JSON has not
    (NaN, infinities), and integers of thousands of digits, become null. What is nested too deep
    to be read is none.
    """
    try:
        value = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _decode_leniently(data)
    return value if isinstance(value, dict) else None


def encode(answer: dict[str, Any]) -> bytes:
    """A folded answer, or any other value from here, as JSON on one line.

    It is UTF-8, or ASCII with escapes if a text holds surrogates: halves that met in the
    fold then stand side by side, and read as one character.
    """
    try:
        return _encode(answer)
    except UnicodeEncodeError:
        text = json.dumps(answer, ensure_ascii=True, separators=(",", ":"), default=_decoded)
        return text.encode()


def _decoded(raw: Any) -> Any:
    """What stands in JSON that was left as it is."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_leniently(bytes(raw))


def _decode_leniently(data: bytes) -> Any:
    try:
        return json.loads(
            data.decode("utf-8", "replace"),
            strict=False,
            parse_constant=lambda _: None,
            parse_float=_finite,
            parse_int=_integer,
        )
    except (json.JSONDecodeError, RecursionError):
        return None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _integer(text: str) -> int | None:
    return int(text) if len(text) <= _DIGITS else None

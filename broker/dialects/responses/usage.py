"""Usage in the responses dialect's names; see ``broker.dialects.usage``."""

from typing import Any

import msgspec

from broker.dialects.usage import tokens

_ASKED = ("input", "instructions", "tools")


def estimate(
    request: dict[str, Any],
    delivered: int,
    frames: int = 0,
    said: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The usage of an attempt that was cut off after ``delivered`` characters of answer.

    A frame is not a token here: an answer has many that say nothing new. What was said of the
    cost before the end, by a provider of another dialect, stands; more may have been spent.
    """
    known = said or {}
    asked = [request[key] for key in _ASKED if request.get(key)]
    prompt = known.get("input_tokens") or tokens(len(msgspec.json.encode(asked)))
    completion = max(tokens(delivered), min(frames, 1), known.get("output_tokens") or 0)
    return {
        **known,
        "input_tokens": prompt,
        "output_tokens": completion,
        "total_tokens": prompt + completion,
        "estimated": True,
    }

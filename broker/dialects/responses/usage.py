"""Usage in the responses dialect's names; see ``broker.dialects.usage``."""

from typing import Any

import msgspec

from broker.dialects.usage import tokens

_ASKED = ("input", "instructions", "tools")


def prompt(request: dict[str, Any]) -> int:
    """About how many tokens the prompt of a request is."""
    asked = [request[key] for key in _ASKED if request.get(key)]
    return tokens(len(msgspec.json.encode(asked)))


def estimate(
    prompt: int | None, delivered: int, frames: int = 0, said: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The usage of an attempt that was cut off after ``delivered`` characters of answer.

    ``prompt`` is what its prompt is estimated at, None if the request is gone. A frame is not a
    token here: an answer has many that say nothing new. What was said of the cost before the end,
    by a provider of another dialect, stands; more may have been spent.
    """
    known = said or {}
    asked = known.get("input_tokens") or prompt or 0
    completion = max(tokens(delivered), min(frames, 1), known.get("output_tokens") or 0)
    return {
        **known,
        "input_tokens": asked,
        "output_tokens": completion,
        "total_tokens": asked + completion,
        "estimated": True,
    }

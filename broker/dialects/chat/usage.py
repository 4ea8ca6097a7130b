"""Usage in the chat dialect's terms, where its provider never said what an attempt cost.

An estimate counts characters, four to a token, and says ``"estimated": true``; it is made
where an attempt ends, never while tokens flow.
"""

from typing import Any

import msgspec

from broker.dialects.chat.words import USAGE
from broker.dialects.usage import tokens


def usage_in(chunk: dict[str, Any]) -> dict[str, Any] | None:
    """What a chunk, or a whole answer, says of its cost, wherever it stands in it."""
    for path in USAGE:
        found: Any = chunk
        for key in path:
            if isinstance(key, str):
                found = found.get(key) if isinstance(found, dict) else None
            else:
                found = found[key] if isinstance(found, list) and len(found) > key else None
        if isinstance(found, dict) and found:
            return found
    return None


def prompt(request: dict[str, Any]) -> int:
    """About how many tokens the prompt of a request is."""
    return tokens(len(msgspec.json.encode(request["messages"])))


def estimate(
    prompt: int | None, delivered: int, frames: int = 0, said: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The usage of an attempt that was cut off after ``delivered`` characters of answer.

    ``prompt`` is what its prompt is estimated at, None if the request is gone. A frame is a token
    at least, whether readers saw it, or it was held or swallowed. What was said of the cost before
    the end, by a provider of another dialect, stands; more may have been spent.
    """
    known = said or {}
    asked = known.get("prompt_tokens") or prompt or 0
    completion = max(tokens(delivered), frames, known.get("completion_tokens") or 0)
    return {
        **known,
        "prompt_tokens": asked,
        "completion_tokens": completion,
        "total_tokens": asked + completion,
        "estimated": True,
    }

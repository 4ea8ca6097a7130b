"""Usage in the chat dialect's terms, where its provider never said what an attempt cost.

An estimate counts characters, four to a token, and says ``"estimated": true``; it is made
where an attempt ends, never while tokens flow.
"""

from typing import Any

import msgspec

from broker.dialects.usage import tokens


def estimate(
    request: dict[str, Any], delivered: int, frames: int = 0, said: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The usage of an attempt that was cut off after ``delivered`` characters of answer.

    A frame is a token at least, whether readers saw it, or it was held or swallowed. What was
    said of the cost before the end, by a provider of another dialect, stands; more may have
    been spent.
    """
    known = said or {}
    prompt = known.get("prompt_tokens") or tokens(len(msgspec.json.encode(request["messages"])))
    completion = max(tokens(delivered), frames, known.get("completion_tokens") or 0)
    return {
        **known,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "estimated": True,
    }

"""Usage: what an attempt cost, measured by its provider or, where it never said, estimated.

An estimate counts characters, four to a token, and says ``"estimated": true``; it is made
where an attempt ends, never while tokens flow.
"""

from typing import Any

import msgspec

_CHARACTERS = 4  # to a token, roughly, in the languages models are priced by


def tokens(characters: int) -> int:
    """About how many tokens a text of so many characters is."""
    return -(-characters // _CHARACTERS)


def estimate(request: dict[str, Any], delivered: int, frames: int = 0) -> dict[str, Any]:
    """The usage of an attempt that was cut off after ``delivered`` characters of answer.

    A frame is a token at least, whether readers saw it, or it was held or swallowed.
    """
    prompt = tokens(len(msgspec.json.encode(request.get("messages"))))
    completion = max(tokens(delivered), frames)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "estimated": True,
    }


def add(*usages: dict[str, Any] | None) -> dict[str, Any] | None:
    """The sum over attempts, key by key; estimated if any of them is. None if all are."""
    known = [usage for usage in usages if usage]
    if not known:
        return None
    total: dict[str, Any] = {}
    for usage in known:
        for key, value in usage.items():
            if isinstance(value, dict):
                before = total.get(key)
                total[key] = add(before if isinstance(before, dict) else {}, value) or value
            elif isinstance(value, bool) or not isinstance(value, int | float):
                total[key] = value or total.get(key)
            else:
                before = total.get(key)
                total[key] = value + (before if isinstance(before, int | float) else 0)
    return total

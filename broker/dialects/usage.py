"""Usage over several attempts: what every dialect's figures have in common."""

from typing import Any

_CHARACTERS = 4  # to a token, roughly, in the languages models are priced by


def tokens(characters: int) -> int:
    """About how many tokens a text of so many characters is."""
    return -(-characters // _CHARACTERS)


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

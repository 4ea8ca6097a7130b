"""The header that names what a provider was not asked, as the operator allows."""

from collections.abc import Sequence

LOST = "x-streamhold-lost"
_LONGEST = 1000  # characters


def lost_header(paths: Sequence[str]) -> dict[str, str]:
    """The header, with the paths as a comma list; those that it has no room for are counted."""
    if not paths:
        return {}
    shown: list[str] = []
    left = _LONGEST
    for path in paths:
        left -= len(path) + 2
        if left < 0:
            break
        shown.append("".join(each if "!" <= each <= "~" else "?" for each in path))
    more = [f"+{len(paths) - len(shown)}"] if len(shown) < len(paths) else []
    return {LOST: ", ".join([*shown, *more])}

"""Models by their names: whose they are, of which family and version.

A name may have anything before and behind it: a relay's prefix, a region, a date.
"""

import re
from functools import lru_cache

import msgspec

Version = tuple[int, int]
NEWEST: Version = (99, 0)  # of a name without a version: an alias of the latest

_CLAUDE = re.compile(r"claude[-.]?(?:v|(?:[a-z]+-))?(\d{1,2})(?:[-.](\d{1,2})(?!\d))?(?!\d)")
_CLAUDES = re.compile(r"opus|sonnet|haiku|fable|mythos|instant")
_GPT = re.compile(r"(?:^|[/:.])(?:chat)?gpt-(\d{1,2})(?:\.(\d{1,2}))?(?![\d])")
_REASONING = re.compile(r"(?:^|[/:.])o(\d)(?:-|$|:|@)")
_GEMINI = re.compile(r"gemini-(?:[a-z]+-)*?(\d{1,2})(?:\.(\d{1,2}))?(?!\d)")
_GEMINIS = re.compile(r"flash-lite|flash|pro")
_SEEING = re.compile(r"vision|-vl|ocr")
_KIN = {  # whose models are told by their names' beginnings, and by nothing else
    "mistral": r"(?:mi[sx]tral|ministral|codestral|pixtral|magistral|devstral|voxtral)",
    "deepseek": r"deepseek",
    "kimi": r"(?:kimi|moonshot)",
    "qwen": r"(?:qwen|qwq|qvq)",
}
_OTHERS = {name: re.compile(rf"(?:^|[/.:]){names}", re.ASCII) for name, names in _KIN.items()}


class Model(msgspec.Struct, frozen=True):
    """Whose model a name stands for; all is empty where it says nothing.

    ``relayed``: the name has its vendor's before it, as relays have it.
    """

    vendor: str = ""
    family: str = ""
    version: Version = NEWEST
    relayed: bool = False


@lru_cache(maxsize=1024)
def model_named(name: str) -> Model:
    """The model of a name."""
    name = name.lower()
    return msgspec.structs.replace(_named(name), relayed="/" in name)


def _named(name: str) -> Model:
    if "claude" in name:
        return Model("claude", _first(_CLAUDES, name), _version(_CLAUDE.search(name)))
    if found := _GPT.search(name):
        return Model("gpt", "chat" if "-chat" in name[found.end() :] else "", _version(found))
    if found := _REASONING.search(name):
        return Model("gpt", "o", (int(found[1]), 0))
    if "gemini" in name:
        return Model("gemini", _first(_GEMINIS, name), _version(_GEMINI.search(name)))
    vendor = next((vendor for vendor, names in _OTHERS.items() if names.search(name)), "")
    return Model(vendor, "vision" if vendor and _SEEING.search(name) else "")


def _first(pattern: re.Pattern[str], name: str) -> str:
    found = pattern.search(name)
    return found[0] if found else ""


def _version(found: re.Match[str] | None) -> Version:
    return NEWEST if found is None else (int(found[1]), int(found[2] or 0))

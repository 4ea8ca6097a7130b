"""Signatures: what a provider puts to its reasoning, to know it again.

Reasoning goes back to the provider only with its signature, and another provider would refuse
it. So a signature that travels through a caller of another dialect is sealed: it says in plain
text whose it is. Read back from the next request, it returns to the dialect that it came from
and to no other.

    streamhold:ORIGIN:ID:DATA
"""

from typing import Literal, get_args

import msgspec

# ``messages.redacted``: reasoning that the messages dialect gives sealed, without a text.
Origin = Literal["chat", "messages", "messages.redacted", "responses", "gemini"]

_MARK = "streamhold"
_ORIGINS: dict[str, Origin] = {origin: origin for origin in get_args(Origin)}


class Signature(msgspec.Struct, frozen=True):
    """Opaque data, whose it is, and the id that its provider gave the item (responses only)."""

    origin: Origin
    data: str
    id: str = ""

    @property
    def dialect(self) -> str:
        """The dialect that knows it again."""
        return self.origin.partition(".")[0]


def seal(signature: Signature, dialect: Origin, id: str = "") -> str:
    """The text for a field of this dialect (under this item id), plain if it is its own."""
    if signature.origin == dialect and signature.id == id:
        return signature.data
    return f"{_MARK}:{signature.origin}:{signature.id}:{signature.data}"


def unseal(text: str, dialect: Origin, id: str = "") -> Signature:
    """The signature in a field of this dialect; what isn't sealed is the dialect's own."""
    parts = text.split(":", 3)
    if len(parts) == 4 and parts[0] == _MARK and parts[1] in _ORIGINS:
        return Signature(_ORIGINS[parts[1]], parts[3], parts[2])
    return Signature(dialect, text, id)

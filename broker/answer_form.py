"""The form of a provider's answer, by what it begins with: a stream of events or one object.

A ``Content-Type`` is a hint: servers and relays label event streams as JSON, as plain text or not
at all. Only HTML is always what it says: somebody else's page.
"""

from typing import Literal

Form = Literal["object", "events", "neither", "unknown"]

PAGES = ("text/html", "application/xhtml+xml")
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:")  # a comment's, and those of an event
_OBJECTS = (b"{", b"[")


def form_of(begun: bytes) -> Form:
    """The form of a body that begins so; ``unknown`` if too little has come to tell."""
    if len(begun) < len(_BOM) and _BOM.startswith(begun):
        return "unknown"
    text = bare(begun)
    if text.startswith(_OBJECTS):
        return "object"
    if text.startswith(_FIELDS):
        return "events"
    return "unknown" if any(each.startswith(text) for each in _FIELDS) else "neither"


def bare(begun: bytes) -> bytes:
    """A body from its first character on that says something."""
    return begun.removeprefix(_BOM).lstrip()

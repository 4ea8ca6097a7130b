"""Reasoning in chat, for which every provider has a field of its own.

The text stands in ``reasoning_content`` or ``reasoning``; ``reasoning_details`` holds pieces
with signatures, each ``reasoning.text`` (or ``reasoning.summary``) with its text, or
``reasoning.encrypted``. Where there are pieces with text they are what counts.
"""

from collections.abc import Iterator
from typing import Any

from broker.dialects.neutral.fields import Fields
from broker.dialects.neutral.request import Thought
from broker.dialects.neutral.signature import Signature, unseal


def thoughts_of(fields: Fields) -> Iterator[Thought]:
    """The reasoning in a message that a caller sends back."""
    flat = fields.text("reasoning_content") or fields.text("reasoning")
    fields.ignore("reasoning")
    pieces = [piece for each in fields.each("reasoning_details") for piece in _piece(each)]
    if flat and not any(piece.text for piece in pieces):
        yield Thought(flat)
    yield from pieces


def _piece(fields: Fields) -> Iterator[Thought]:
    value = {key: fields.any(key) for key in ("type", "text", "summary", "signature", "data")}
    text, signature = piece_of(value)
    if text or signature:
        yield Thought(text, signature)


def piece_of(detail: dict[str, Any]) -> tuple[str, Signature | None]:
    """The text and the signature of one of ``reasoning_details``; either may be missing."""
    if detail.get("type") == "reasoning.encrypted":
        text, sealed = "", detail.get("data")
    else:
        text, sealed = detail.get("text") or detail.get("summary") or "", detail.get("signature")
    found = unseal(sealed, "chat") if isinstance(sealed, str) and sealed else None
    return text if isinstance(text, str) else "", found

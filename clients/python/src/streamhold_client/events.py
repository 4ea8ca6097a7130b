"""The events of the native view, typed. ``id`` is the cursor: go on after it with ``after=``."""

import json
from dataclasses import dataclass
from typing import Any

from streamhold_client.sse import Block


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of the job's dialect; ``raw`` is the provider's own bytes, ``name`` its event."""

    id: int
    data: Any  # None where the provider's bytes are no JSON
    raw: bytes
    name: str = "message"


@dataclass(frozen=True, slots=True)
class AttemptBegun:
    """An attempt begins."""

    id: int
    number: int
    provider: str | None
    model: str | None
    mode: str | None  # "continue" or "replay", after a loss
    after: dict[str, Any] | None  # how the one before ended


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole answer in one piece, from a target that doesn't stream."""

    id: int
    data: Any
    raw: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The terminal: ``state`` is completed, failed or cancelled."""

    id: int
    state: str
    usage: dict[str, Any] | None
    error: dict[str, Any] | None


Event = Chunk | AttemptBegun | Whole | End


def event_of(block: Block) -> Event | None:
    """The event that a block is; None for comments."""
    if not block.fields or block.id is None:
        return None
    number, data = int(block.id), _decode(block.data)
    said = data if isinstance(data, dict) else {}
    if block.event == "end":
        return End(number, str(said.get("state")), said.get("usage"), said.get("error"))
    if block.event == "attempt":
        return AttemptBegun(
            number,
            int(said.get("number") or 0),
            said.get("provider"),
            said.get("model"),
            said.get("mode"),
            said.get("after"),
        )
    if block.event == "whole":
        return Whole(number, data, block.data)
    return Chunk(number, data, block.data, block.event)


def _decode(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None

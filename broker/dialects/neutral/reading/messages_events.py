"""Messages events, read. Kinds of events and blocks that nobody asked for are passed over.

Blocks are read by the fields that they have, whether or not each was begun as it should be. The
answer ends where its stream ends, for the last of the reasons that were given.
"""

from collections.abc import Iterator
from typing import Any

from broker.dialects.messages.words import BLOCKS, CALLS, DELTAS, UNTOLD_BLOCKS, meaning
from broker.dialects.neutral import errors, usage
from broker.dialects.neutral.event import (
    Event,
    Failed,
    Signed,
    Start,
    Stop,
    StopReason,
    TextDelta,
    ThoughtDelta,
    untold,
)
from broker.dialects.neutral.reading.calls import Calls, arguments_text
from broker.dialects.neutral.reading.ends import ended_by, unread
from broker.dialects.neutral.signature import unseal


class MessagesReader:
    """Reads one answer. ``fallback`` is its id where the provider gives none."""

    def __init__(self, fallback: str = "") -> None:
        self._id = fallback
        self._started = False
        self._stopped = False
        self._reason: Any = None  # to stop, the last that was given
        self._sequence: Any = None
        self._calls = Calls()
        self._given: dict[int, Any] = {}  # inputs that open blocks began with, by their index
        self._kinds: dict[int, Any] = {}  # of open blocks, likewise
        self._signatures: dict[int, str] = {}  # likewise
        self._usage: dict[str, Any] = {}
        self._counted = False  # whether they are to be told

    def feed(self, event: dict[str, Any]) -> list[Event]:
        """The events of one event."""
        if event.get("type") == "content_block_delta" and self._started:
            delta = event.get("delta")
            if type(delta) is dict and len(delta) == 2 and not self._calls.waits:
                plain = self._plain(event.get("index"), delta.get("type"), delta)
                if plain is not None:
                    return [plain]
        return list(self._read(event))

    def _plain(self, index: Any, kind: Any, delta: dict[str, Any]) -> Event | None:
        """The event of a delta that is more text in a block that was begun for it."""
        block = self._kinds.get(index) if type(index) is int else None
        if kind == "text_delta" and block == "text":
            text = delta.get("text")
            return TextDelta(text) if type(text) is str and text else None
        if kind == "thinking_delta" and block == "thinking":
            text = delta.get("thinking")
            return ThoughtDelta(text) if type(text) is str and text else None
        return None

    def whole(self, answer: dict[str, Any]) -> list[Event]:
        """The events of a whole message."""
        found = self.feed({"type": "message_start", "message": answer})
        delta = {key: answer.get(key) for key in ("stop_reason", "stop_sequence")}
        end = {"type": "message_delta", "delta": delta, "usage": answer.get("usage") or {}}
        return [*found, *self.feed(end), *self.end()]

    def end(self) -> list[Event]:
        """The answer is complete: what remains to be said."""
        return list(self._stop())

    def _read(self, event: dict[str, Any]) -> Iterator[Event]:
        match event:
            case {"type": "message_start", "message": dict(message)}:
                yield from self._start(message)
            case {"type": "content_block_start", "content_block": dict(block)}:
                yield from self._begin(_index(event), block)
            case {"type": "content_block_delta", "delta": dict(delta)}:
                yield from self._delta(_index(event), delta)
            case {"type": "content_block_stop"}:
                yield from self._end(_index(event))
            case {"type": "message_delta"}:
                beside = event.get("delta")
                self._note(event)
                self._note(beside if isinstance(beside, dict) else {})
                if self._count(event):
                    if self._reason:  # it is told behind the end
                        self._counted = True
                    else:
                        yield usage.from_messages(self._usage)
                        self._counted = False
            case {"type": "error"}:
                yield errors.from_messages(event.get("error"))

    def _start(self, message: dict[str, Any]) -> Iterator[Event]:
        """The message begins; some give all that there is of it here."""
        if self._started:
            return
        self._started = True
        self._id = message.get("id") or self._id
        self._count(message)
        self._note(message)
        yield Start(self._id, message.get("model") or "")
        content = message.get("content")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        for index, block in enumerate(content if isinstance(content, list) else ()):
            if isinstance(block, dict):
                yield from self._begin(index, block)
                yield from self._end(index)

    def _note(self, fields: dict[str, Any]) -> None:
        if fields.get("stop_reason"):
            self._reason = fields["stop_reason"]
            self._sequence = fields.get("stop_sequence")

    def _count(self, event: dict[str, Any]) -> bool:
        """Take note of counts, which are totals; those left out or null still hold."""
        counts = event.get("usage")
        if not isinstance(counts, dict):
            return False
        self._usage |= {key: value for key, value in counts.items() if value is not None}
        return True

    def _begin(self, index: int, block: dict[str, Any]) -> Iterator[Event]:
        if not self._started:
            yield from self._start({})
        if index in self._kinds:  # a block of this index that was never ended
            yield from self._end(index)
        kind = block.get("type")
        self._kinds[index] = kind
        if kind in CALLS:
            id, name = block.get("id") or "", block.get("name") or ""
            yield from self._calls.begin(index, id, name, self._id)
            self._given[index] = block.get("input")
        elif kind in UNTOLD_BLOCKS:
            yield untold(UNTOLD_BLOCKS[kind])
        elif kind == "redacted_thinking":
            if block.get("data"):
                yield Signed(unseal(block["data"], "messages.redacted"))
        elif kind in BLOCKS:
            key, what = BLOCKS[kind]
            if isinstance(text := block.get(key), str) and text:
                yield from self._said(what, text)
            self._signatures[index] = block.get("signature") or ""

    def _said(self, what: str, text: str) -> Iterator[Event]:
        yield from self._calls.settle()
        yield ThoughtDelta(text) if what == "thought" else TextDelta(text)

    def _delta(self, index: int, delta: dict[str, Any]) -> Iterator[Event]:
        if not self._started:
            yield from self._start({})
        for key, what in DELTAS.items():
            value = delta.get(key)
            if value is None or value == "":
                continue
            if what == "arguments":
                yield from self._argue(index, value)
            elif not isinstance(value, str):
                yield Failed("provider", f"The provider's {key!r} is no text.")
            elif what == "signature":
                self._signatures[index] = self._signatures.get(index, "") + value
            else:
                thinks = BLOCKS.get(str(self._kinds.get(index)), ("", ""))[1] == "thought"
                yield from self._said("thought" if thinks else what, value)

    def _argue(self, index: int, value: Any) -> Iterator[Event]:
        """More of a call's input. What its block began with is told again by these."""
        kind = self._kinds.get(index)
        if kind is not None and kind not in CALLS:
            return  # of a tool that the provider itself runs
        self._given.pop(index, None)
        yield from self._calls.more(index, arguments_text(value))

    def _end(self, index: int) -> Iterator[Event]:
        self._kinds.pop(index, None)
        if signature := self._signatures.pop(index, ""):
            yield Signed(unseal(signature, "messages"))
        if given := self._given.pop(index, None):
            yield from self._calls.more(index, arguments_text(given))
        yield from self._calls.end(index)

    def _stop(self) -> Iterator[Event]:
        if self._stopped:
            return
        self._stopped = True
        yield from self._start({})
        for index in list(self._kinds):
            yield from self._end(index)
        yield from self._calls.end_all()
        told = self._reason if isinstance(self._reason, str) else ""
        reason = meaning(told) if told else "end"
        if reason is None:
            yield ended_by(told, fault=False)
            return
        found: StopReason = reason
        if found == "end" and self._calls.any:
            found = "tool_calls"
        elif found == "tool_calls" and not self._calls.any:
            yield unread("")
            return
        yield Stop(found, self._sequence)
        if self._counted or any(self._usage.values()):
            yield usage.from_messages(self._usage)


def _index(event: dict[str, Any]) -> int:
    index = event.get("index")
    return index if type(index) is int else 0

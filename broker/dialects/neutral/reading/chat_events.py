"""Chat chunks, read. One answer: more than one choice is refused before the call.

Odd chunks are mended first (``broker.dialects.chat.shape``); where content may stand in a delta,
and which finish reasons mean what, are the rows of ``broker.dialects.chat.words``. The answer ends
where its stream ends, for the last of the reasons that were given.
"""

from collections.abc import Iterator
from typing import Any

from broker.dialects.chat.shape import Shape
from broker.dialects.chat.usage import usage_in
from broker.dialects.chat.view import whole_chunk
from broker.dialects.chat.words import (
    PARTS,
    SILENT,
    THOUGHTS,
    UNTOLD,
    UNTOLD_PARTS,
    meaning,
)
from broker.dialects.neutral import errors, usage
from broker.dialects.neutral.event import (
    Event,
    RefusalDelta,
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
from broker.dialects.neutral.reading.thoughts import piece_of
from broker.dialects.neutral.usage import Usage

_LEGACY = -1  # the key of the one call of ``function_call``
# The fields of a plain chunk, and of a choice in one.
_TOP = frozenset(
    (
        *("id", "object", "created", "model", "choices", "usage", "system_fingerprint"),
        *("service_tier", "obfuscation", "provider"),
    )
)
_PLAIN = frozenset(("index", "delta", "finish_reason", "logprobs", "native_finish_reason"))
_READ = frozenset(
    ("content", "refusal", "tool_calls", "function_call", "reasoning_details", "thinking_blocks")
)


class ChatReader:
    """Reads one answer. ``fallback`` is its id where the provider gives none."""

    def __init__(self, fallback: str = "") -> None:
        self._id = fallback
        self._started = False
        self._stopped = False
        self._refused = False
        self._spoken = False
        self._flat = False  # reasoning came as plain text, so that pieces only repeat it
        self._reason = ""  # to stop, the last that was given
        self._unread = ""  # a field of a delta that nobody has heard of, with a text in it
        self._usage: Usage | None = None
        self._shape = Shape()
        self._calls = Calls()

    def feed(self, chunk: dict[str, Any]) -> list[Event]:
        """The events of one chunk."""
        if (plain := self._plain(chunk)) is not None:
            return [plain]
        return [event for each in self._shape.mend(chunk) for event in self._read(each)]

    def whole(self, answer: dict[str, Any]) -> list[Event]:
        """The events of a whole answer."""
        return [*self.feed(whole_chunk(answer, include_usage=True)), *self.end()]

    def end(self) -> list[Event]:
        """The answer is complete: what remains to be said."""
        return list(self._stop())

    def _plain(self, chunk: dict[str, Any]) -> Event | None:
        """The event of a chunk that has more text and nothing else, as nearly all of them: none of
        the odd shapes is looked for in it."""
        choices = chunk.get("choices")
        if type(choices) is not list or len(choices) != 1 or not self._started:
            return None
        choice = choices[0]
        if type(choice) is not dict or not choice.keys() <= _PLAIN or not chunk.keys() <= _TOP:
            return None
        delta = choice.get("delta")
        if choice.get("index") != 0 or choice.get("finish_reason") or type(delta) is not dict:
            return None
        said = None
        for key, value in delta.items():
            if value and key != "role":
                if said is not None:
                    return None
                said = key
        if said != "content" and said != "reasoning_content":
            return None
        text = delta[said]
        if type(text) is not str or self._calls.waits or chunk.get("usage") is not None:
            return None
        self._spoken = self._shape.spoken = True
        if said == "content":
            return TextDelta(text)
        self._flat = True
        return ThoughtDelta(text)

    def _read(self, chunk: dict[str, Any]) -> Iterator[Event]:
        if chunk.get("error") is not None:
            yield errors.from_openai(chunk["error"])
            return
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                delta = choice.get("delta")
                for holder in (choice, delta):
                    if isinstance(holder, dict) and holder.get("error") is not None:
                        yield errors.from_openai(holder["error"])
                        return
                yield from self._start(chunk)
                if isinstance(delta, dict):
                    yield from self._delta(delta)
                if isinstance(reason := choice.get("finish_reason"), str) and reason:
                    self._reason = reason
        if (counts := usage_in(chunk)) is not None:
            if self._reason:  # it is told behind the end
                self._usage = usage.from_chat(counts)
            else:
                yield usage.from_chat(counts)

    def _start(self, chunk: dict[str, Any]) -> Iterator[Event]:
        if not self._started:
            self._started = True
            self._id = chunk.get("id") or self._id
            yield Start(self._id, chunk.get("model") or "")

    def _delta(self, delta: dict[str, Any]) -> Iterator[Event]:
        yield from self._thoughts(delta)
        content = delta.get("content")
        if isinstance(content, str):
            if content:
                yield from self._said(TextDelta(content))
        elif content is not None:
            yield from self._parts(content)
        if isinstance(refusal := delta.get("refusal"), str) and refusal:
            self._refused = True
            yield from self._said(RefusalDelta(refusal))
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                yield from self._call(call)
        if isinstance(legacy := delta.get("function_call"), dict):
            yield from self._called(_LEGACY, "", legacy)
        for key in delta:
            if key in _READ or key in SILENT or key in THOUGHTS or not delta[key]:
                continue
            if key in UNTOLD:
                yield untold(UNTOLD[key])
            elif isinstance(delta[key], str):
                self._unread = key

    def _said(self, event: Event) -> Iterator[Event]:
        self._spoken = True
        yield from self._calls.settle()
        yield event

    def _thoughts(self, delta: dict[str, Any]) -> Iterator[Event]:
        told: list[str] = []
        for key in THOUGHTS:
            if not (value := delta.get(key)):
                continue
            for each in value if isinstance(value, list) else [value]:
                text = each.get("text") or each.get("content") if isinstance(each, dict) else each
                if isinstance(text, str) and text and text not in told:
                    told.append(text)
                    self._flat = True
                    yield from self._said(ThoughtDelta(text))
        details = delta.get("reasoning_details")
        for detail in details if isinstance(details, list) else ():
            if not isinstance(detail, dict):
                continue
            text, signature = piece_of(detail)
            if text and not self._flat:
                yield from self._said(ThoughtDelta(text))
            if signature is not None:
                yield Signed(signature)
        blocks = delta.get("thinking_blocks")
        for block in blocks if isinstance(blocks, list) and not self._flat else ():
            if isinstance(block, dict) and isinstance(text := block.get("thinking"), str) and text:
                yield from self._said(ThoughtDelta(text))

    def _parts(self, content: Any) -> Iterator[Event]:
        """Content in parts, of which some are reasoning, with parts of their own."""
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, str):
                part = {"type": "text", "text": part}
            if not isinstance(part, dict):
                continue
            kind = part.get("type")
            if kind in UNTOLD_PARTS:
                yield untold(UNTOLD_PARTS[kind])
            key, what = PARTS.get(kind if isinstance(kind, str) else "text", ("text", "text"))
            inner = part.get(key)
            for each in inner if isinstance(inner, list) else [inner]:
                text = each.get("text") if isinstance(each, dict) else each
                if isinstance(text, str) and text:
                    yield from self._part(what, text)

    def _part(self, what: str, text: str) -> Iterator[Event]:
        match what:
            case "thought":
                yield from self._said(ThoughtDelta(text))
            case "refusal":
                self._refused = True
                yield from self._said(RefusalDelta(text))
            case _:
                yield from self._said(TextDelta(text))

    def _call(self, call: dict[str, Any]) -> Iterator[Event]:
        """Part of a call, by the index that it was bound to."""
        if isinstance(call.get("custom"), dict):
            yield untold("a call of a custom tool")
            return
        key, function = call.get("index"), call.get("function")
        function = function if isinstance(function, dict) else {}
        if type(key) is int:
            id = call.get("id")
            yield from self._called(key, id if isinstance(id, str) else "", function)

    def _called(self, key: int, id: str, function: dict[str, Any]) -> Iterator[Event]:
        name = function.get("name")
        name = name if isinstance(name, str) else ""
        if not self._calls.knows(key):
            yield from self._calls.begin(key, id, name, self._id)
        else:
            yield from self._calls.name(key, id, name)
        if (value := function.get("arguments")) is not None:
            yield from self._calls.more(key, arguments_text(value))

    def _stop(self) -> Iterator[Event]:
        if self._stopped:
            return
        self._stopped = True
        yield from self._start({})
        yield from self._calls.end_all()
        reason = meaning(self._reason) if self._reason else "end"
        if reason == "fault" or reason is None:
            yield ended_by(self._reason, fault=reason is not None)
            return
        if not (self._spoken or self._calls.any) and self._unread:
            yield unread(self._unread)
            return
        found: StopReason = reason
        if found == "end" and self._calls.any:  # said of a call that was forced
            found = "tool_calls"
        elif found == "end" and self._refused:
            found = "refusal"
        elif found == "tool_calls" and not self._calls.any:
            yield unread("")
            return
        yield Stop(found)
        if self._usage is not None:
            yield self._usage

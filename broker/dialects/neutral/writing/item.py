"""Items of a response's output: what begins each, what more of it is, and how it ends."""

import json
from typing import Any

from broker.dialects.neutral.given import INPUT
from broker.dialects.neutral.writing.part import without_none
from broker.dialects.neutral.writing.sole_text import SoleText


class Item:
    """One item, at a place of the output."""

    def __init__(self, id: str, place: int) -> None:
        self.id = id
        self._place = place
        self._texts: list[str] = []

    @property
    def _text(self) -> str:
        return "".join(self._texts)

    def whole(self, status: str) -> dict[str, Any]:
        """The item as it is, at this status."""
        raise NotImplementedError

    def begin(self) -> list[dict[str, Any]]:
        """The events that open it."""
        return [self._event("output_item.added", item=self.whole("in_progress"))]

    def more(self, text: str) -> list[dict[str, Any]]:
        """The events of more text."""
        raise NotImplementedError

    def end(self) -> list[dict[str, Any]]:
        """The events that close it."""
        return [self._event("output_item.done", item=self.whole("completed"))]

    def _event(self, name: str, /, **fields: Any) -> dict[str, Any]:
        return {"type": f"response.{name}", "output_index": self._place, **fields}

    def _within(self, name: str, /, **fields: Any) -> dict[str, Any]:
        return self._event(name, item_id=self.id, **fields)


class Spoken(Item):
    """A message of one part: ``output_text`` or ``refusal``."""

    def __init__(self, id: str, place: int, kind: str) -> None:
        super().__init__(id, place)
        self.kind = kind

    def whole(self, status: str) -> dict[str, Any]:
        content = [] if status == "in_progress" else [self._part(self._text)]
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": content,
        }

    def begin(self) -> list[dict[str, Any]]:
        return [
            *super().begin(),
            self._within("content_part.added", content_index=0, part=self._part("")),
        ]

    def more(self, text: str) -> list[dict[str, Any]]:
        self._texts.append(text)
        extra: dict[str, Any] = {"logprobs": []} if self.kind == "output_text" else {}
        return [self._within(f"{self.kind}.delta", content_index=0, delta=text, **extra)]

    def end(self) -> list[dict[str, Any]]:
        text = self._text
        said: dict[str, Any] = (
            {"text": text, "logprobs": []} if self.kind == "output_text" else {"refusal": text}
        )
        return [
            self._within(f"{self.kind}.done", content_index=0, **said),
            self._within("content_part.done", content_index=0, part=self._part(text)),
            *super().end(),
        ]

    def _part(self, text: str) -> dict[str, Any]:
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


class Thinking(Item):
    """Reasoning: a summary of one part, if any, and the sealed content, if any."""

    sealed: str | None = None

    def whole(self, status: str) -> dict[str, Any]:
        summary = [self._part(self._text)] if self._texts and status == "completed" else []
        found: dict[str, Any] = {"id": self.id, "type": "reasoning", "summary": summary}
        return found | ({} if self.sealed is None else {"encrypted_content": self.sealed})

    def more(self, text: str) -> list[dict[str, Any]]:
        begun = (
            []
            if self._texts
            else [self._summary("reasoning_summary_part.added", part=self._part(""))]
        )
        self._texts.append(text)
        return [*begun, self._summary("reasoning_summary_text.delta", delta=text)]

    def end(self) -> list[dict[str, Any]]:
        if not self._texts:
            return super().end()
        text = self._text
        return [
            self._summary("reasoning_summary_text.done", text=text),
            self._summary("reasoning_summary_part.done", part=self._part(text)),
            *super().end(),
        ]

    def _summary(self, name: str, /, **fields: Any) -> dict[str, Any]:
        return self._within(name, summary_index=0, **fields)

    @staticmethod
    def _part(text: str) -> dict[str, Any]:
        return {"type": "summary_text", "text": text}


class Call(Item):
    """A call of a function."""

    def __init__(
        self, id: str, place: int, call_id: str, name: str, namespace: str | None = None
    ) -> None:
        super().__init__(id, place)
        self._name = name
        self._fields = without_none({"call_id": call_id, "name": name, "namespace": namespace})

    def whole(self, status: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "function_call",
            "status": status,
            **self._fields,
            "arguments": self._text,
        }

    def more(self, text: str) -> list[dict[str, Any]]:
        self._texts.append(text)
        return [self._within("function_call_arguments.delta", delta=text)]

    def end(self) -> list[dict[str, Any]]:
        fields = {"name": self._name, "arguments": self._text}
        return [self._within("function_call_arguments.done", **fields), *super().end()]


class CustomCall(Item):
    """A call of a custom tool, which a function of one argument stands for."""

    def __init__(
        self, id: str, place: int, call_id: str, name: str, namespace: str | None = None
    ) -> None:
        super().__init__(id, place)
        self._fields = without_none({"call_id": call_id, "name": name, "namespace": namespace})
        self._input = SoleText(INPUT)

    def whole(self, status: str) -> dict[str, Any]:
        return {"id": self.id, "type": "custom_tool_call", **self._fields, "input": self._text}

    def more(self, text: str) -> list[dict[str, Any]]:
        return self._add(self._input.feed(text))

    def end(self) -> list[dict[str, Any]]:
        rest = self._add(self._input.end())
        done = self._within("custom_tool_call_input.done", input=self._text)
        return [*rest, done, *super().end()]

    def _add(self, text: str) -> list[dict[str, Any]]:
        if not text:
            return []
        self._texts.append(text)
        return [self._within("custom_tool_call_input.delta", delta=text)]


class SearchCall(Item):
    """A search for tools that the client is asked for; its arguments come when it is done."""

    def __init__(self, id: str, place: int, call_id: str) -> None:
        super().__init__(id, place)
        self._call_id = call_id

    def whole(self, status: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "tool_search_call",
            "status": status,
            "execution": "client",
            "call_id": self._call_id,
            "arguments": {} if status == "in_progress" else self._arguments(),
        }

    def more(self, text: str) -> list[dict[str, Any]]:
        self._texts.append(text)
        return []

    def _arguments(self) -> Any:
        """What was asked for, an object; anything else as it came."""
        try:
            return json.loads(self._text)
        except (ValueError, RecursionError):
            return self._text

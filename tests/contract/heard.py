"""What a caller of each surface hears through its official SDK, and the grammar it came in.

The SDKs put an answer together without asking whether it was told properly: so the order of
the events is checked here, and that what they add up to is what their last one says.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import msgspec
import openai
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI


class Heard(msgspec.Struct):
    """One answer. ``usage`` is input and output; ``error`` the failure's type.

    A response that says itself that it failed has ``response.failed`` and its code there."""

    text: str = ""
    thoughts: str = ""
    calls: list[tuple[str, str]] = []
    reason: str | None = None
    usage: tuple[int, int] | None = None
    error: str | None = None
    message: str = ""  # of the error

    @property
    def whole(self) -> bool:
        return self.error is None and self.reason is not None


Hear = Callable[[str, str], Awaitable[Heard]]  # model, prompt


def _key(prompt: str) -> dict[str, str]:
    return {"Idempotency-Key": prompt}


async def chat(sdk: AsyncOpenAI, model: str, prompt: str) -> Heard:
    """A streaming caller of chat completions; the prompt is the request id too."""
    heard = Heard()
    roles: list[str] = []
    reasons: list[str] = []
    ids: set[str] = set()
    calls: dict[int, list[str]] = {}
    try:
        stream = await sdk.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": prompt}],
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=_key(prompt),
        )
        async for chunk in stream:
            ids.add(chunk.id)
            if chunk.usage is not None:
                heard.usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
            for choice in chunk.choices:
                assert not reasons, "a choice goes on after its finish"
                roles += filter(None, [choice.delta.role])
                reasons += filter(None, [choice.finish_reason])
                heard.text += choice.delta.content or ""
                heard.thoughts += (choice.delta.model_extra or {}).get("reasoning_content") or ""
                for call in choice.delta.tool_calls or ():
                    assert call.function is not None
                    if call.index not in calls:
                        assert call.id
                        calls[call.index] = ["", ""]
                    calls[call.index][0] += call.function.name or ""
                    calls[call.index][1] += call.function.arguments or ""
    except openai.APIError as error:
        heard.error, heard.message = error.type, error.message
    else:
        (heard.reason,) = reasons
    assert roles in (["assistant"], [] if heard.error else None)
    assert len(ids) <= 1
    heard.calls = [(name, arguments) for name, arguments in calls.values()]
    return heard


async def messages(claude: AsyncAnthropic, model: str, prompt: str) -> Heard:
    """A streaming caller of messages."""
    heard, told = Heard(), Blocks()
    try:
        stream = await claude.messages.create(
            model=model,
            max_tokens=500,
            messages=[{"role": "user", "content": prompt}],
            stream=True,
            extra_headers=_key(prompt),
        )
        async for event in stream:
            told.take(json.loads(event.model_dump_json(warnings=False)))
    except anthropic.APIError as error:
        body = error.body if isinstance(error.body, dict) else {}
        heard.error = body.get("error", {}).get("failure")
        heard.message = error.message
    else:
        assert told.stopped
        heard.reason = told.reason
    heard.text, heard.thoughts = told.text("text"), told.text("thinking")
    heard.calls = [(block["name"], "".join(texts)) for block, texts in told.of("tool_use")]
    if told.usage:
        cached = told.usage["cache_read_input_tokens"] or 0
        heard.usage = (told.usage["input_tokens"] + cached, told.usage["output_tokens"])
    return heard


class Blocks:
    """The blocks of a message as its events tell them."""

    def __init__(self) -> None:
        self.stopped = False
        self.reason: str | None = None
        self.usage: dict[str, Any] = {}
        self._started = False
        self._open: int | None = None
        self._blocks: list[tuple[dict[str, Any], list[str]]] = []

    def take(self, event: dict[str, Any]) -> None:
        assert not self.stopped, event
        assert self._started is (event["type"] != "message_start"), event
        match event["type"]:
            case "message_start":
                self._started = True
            case "content_block_start":
                assert self._open is None, event
                assert event["index"] == len(self._blocks)
                self._open = event["index"]
                self._blocks.append((event["content_block"], []))
            case "content_block_delta":
                assert event["index"] == self._open, event
                keys = ("text", "thinking", "partial_json")
                said = (event["delta"].get(key) for key in keys)
                self._blocks[event["index"]][1].extend(filter(None, said))
            case "content_block_stop":
                assert event["index"] == self._open, event
                self._open = None
            case "message_delta":
                assert self._open is None, event
                assert self.reason is None
                self.reason = event["delta"]["stop_reason"]
                self.usage = event["usage"]
            case "message_stop":
                assert self.reason
                self.stopped = True

    def of(self, kind: str) -> list[tuple[dict[str, Any], list[str]]]:
        return [block for block in self._blocks if block[0]["type"] == kind]

    def text(self, kind: str) -> str:
        return "".join(piece for _, pieces in self.of(kind) for piece in pieces)


async def responses(sdk: AsyncOpenAI, model: str, prompt: str) -> Heard:
    """A streaming caller of responses."""
    heard, told = Heard(), Items()
    try:
        stream = await sdk.responses.create(
            model=model, input=prompt, stream=True, extra_headers=_key(prompt)
        )
        async for event in stream:
            told.take(json.loads(event.model_dump_json(warnings=False)))
    except openai.APIError as error:
        heard.error, heard.message = error.type, error.message
    else:
        assert told.response is not None
        if told.response["status"] == "failed":
            heard.error = f"response.failed: {told.response['error']['code']}"
            heard.message = told.response["error"]["message"]
        else:
            assert told.response["output"] == told.items
            heard.reason = told.response["status"]
        if told.response["usage"]:
            usage = told.response["usage"]
            heard.usage = (usage["input_tokens"], usage["output_tokens"])
    heard.text, heard.thoughts = told.text("output_text"), told.text("reasoning_summary_text")
    heard.calls = [(name, told.arguments(place)) for place, name in told.names.items()]
    return heard


class Items:
    """The items of a response as its events tell them."""

    def __init__(self) -> None:
        self.response: dict[str, Any] | None = None  # from the last event
        self.items: list[dict[str, Any]] = []  # those that are done
        self.names: dict[int, str] = {}  # of functions called, by place
        self._number = -1
        self._begun: list[str] = []
        self._open: dict[str, Any] | None = None
        self._said: dict[tuple[str, int], list[str]] = {}

    def take(self, event: dict[str, Any]) -> None:
        assert event["sequence_number"] > self._number
        assert self.response is None, event
        self._number = event["sequence_number"]
        kind: str = event["type"].removeprefix("response.")
        if kind in ("created", "in_progress"):
            assert kind not in self._begun
            assert not self.items, event
            self._begun.append(kind)
        elif kind in ("completed", "incomplete", "failed"):
            assert self._open is None or kind == "failed"
            self.response = event["response"]
        elif kind == "output_item.added":
            assert self._open is None, event
            assert event["output_index"] == len(self.items)
            self._open = event["item"]
            if "call_id" in event["item"]:
                self.names[event["output_index"]] = event["item"]["name"]
        elif kind == "output_item.done":
            assert self._open is not None
            assert event["item"]["id"] == self._open["id"]
            self.items.append(event["item"])
            self._open = None
        else:
            self._within(kind, event)

    def _within(self, kind: str, event: dict[str, Any]) -> None:
        assert self._open is not None, event
        assert (event["item_id"], event["output_index"]) == (self._open["id"], len(self.items))
        stem, _, verb = kind.rpartition(".")
        pieces = self._said.setdefault((stem, event["output_index"]), [])
        if verb == "delta":
            pieces.append(event["delta"])
        elif verb == "done" and "part" not in event:
            whole = next(event[key] for key in ("text", "arguments", "refusal") if key in event)
            assert whole == "".join(pieces), event

    def arguments(self, place: int) -> str:
        return "".join(self._said.get(("function_call_arguments", place), ()))

    def text(self, stem: str) -> str:
        texts = (pieces for (kind, _), pieces in self._said.items() if kind == stem)
        return "".join(piece for pieces in texts for piece in pieces)

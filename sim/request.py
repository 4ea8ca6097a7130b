"""A chat completion request, as far as the simulated provider reads it."""

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class RequestError(ValueError):
    """The body is no chat completion request."""


class _Part(msgspec.Struct):
    type: str = "text"
    text: str = ""
    content: Any = None  # of a tool's result, as Anthropic has it

    @property
    def result(self) -> str:
        """The texts of a tool's result."""
        if isinstance(self.content, list):
            return "".join(each.get("text", "") for each in self.content)
        return self.content or ""


def joined(content: str | list[Any] | None) -> str:
    """The texts of a content that may be a text, parts, or nothing."""
    if isinstance(content, list):
        return "".join(part.text for part in content)
    return content or ""


class Message(msgspec.Struct):
    """One message; ``content`` may be a text, parts of several kinds, or nothing."""

    role: str
    content: str | list[_Part] | None = None

    @property
    def text(self) -> str:
        """The content's text, without images and the like."""
        return joined(self.content)

    @property
    def results(self) -> list[str]:
        """The texts of the tools' results that it brings."""
        if self.role == "tool":
            return [self.text]
        parts = self.content if isinstance(self.content, list) else ()
        return [part.result for part in parts if part.type == "tool_result"]


class StreamOptions(msgspec.Struct):
    """``stream_options`` of a request."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class _Function(msgspec.Struct):
    name: str = "lookup"


class _Tool(msgspec.Struct):
    function: _Function = msgspec.field(default_factory=_Function)


class _JsonSchema(msgspec.Struct):
    schema: dict[str, Any] = {}


class _Format(msgspec.Struct):
    type: str = "text"
    json_schema: _JsonSchema = msgspec.field(default_factory=_JsonSchema)


class ChatRequest(msgspec.Struct):
    """What shapes the answer; every other field of a request is accepted and ignored."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: list[_Tool] | None = None
    response_format: _Format | None = None

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON Schema that the text is to follow; empty where any object will do."""
        if self.response_format is None or self.response_format.type == "text":
            return None
        return self.response_format.json_schema.schema

    @property
    def prompt(self) -> str:
        """The text of the last user message; empty if there is none."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), "")

    @property
    def said(self) -> str:
        """The text of a trailing assistant message, which ``prefill`` continues."""
        last = self.messages[-1] if self.messages else None
        return last.text if last is not None and last.role == "assistant" else ""

    @property
    def choices(self) -> int:
        """How many choices are asked for."""
        return 1 if self.n is None else self.n

    @property
    def cap(self) -> int | None:
        """The most tokens a choice may have."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def offered(self) -> set[str]:
        """The names of the functions that may be called."""
        return {tool.function.name for tool in self.tools or ()}

    @property
    def tool(self) -> str:
        """The name of the function that a tool call calls."""
        return self.tools[0].function.name if self.tools else "lookup"

    @property
    def prompt_tokens(self) -> int:
        """The words of all messages: not a tokenizer's count, but a repeatable one."""
        return max(1, sum(words(message.text) for message in self.messages))


def decode(body: bytes) -> ChatRequest:
    """The request in a body.

    Raises:
        RequestError: the body is not JSON, or a field has the wrong type or range.
    """
    try:
        request = read(body, ChatRequest)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise RequestError(str(error)) from None
    if not 1 <= request.choices <= 128:
        raise RequestError("n must be from 1 to 128 - at `$.n`")
    if request.cap is not None and request.cap < 1:
        raise RequestError("at least 1 token must be allowed - at `$.max_completion_tokens`")
    return request


def words(text: str) -> int:
    """The words of a text; of a very long one the blanks, which takes no time."""
    return len(text.split()) if len(text) < _LONG else text.count(" ") + 1


_LONG = 64 * 1024  # characters


def read(body: bytes, kind: type[T]) -> T:
    """The request of this kind in a body, lone surrogates included.

    Raises:
        ValueError, RecursionError: there is none.
    """
    try:
        return msgspec.json.decode(body, type=kind)  # makes nothing of what is not read here
    except msgspec.DecodeError:
        return msgspec.convert(json.loads(body), kind)

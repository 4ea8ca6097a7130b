"""The neutral request: what a call asks, in no dialect's words.

It holds what at least two dialects can say. A reader (``reading``) refuses what has no place
here, a writer (``writing``) what its dialect can't say; so nothing is dropped on the way but
what those modules name as harmless. The public model name is no part of it. ``at`` is where a
caller wrote something, for errors.
"""

from typing import Any, Literal

import msgspec

from broker.dialects.neutral.signature import Signature


class Text(msgspec.Struct, frozen=True):
    """Plain text."""

    text: str


class Image(msgspec.Struct, frozen=True):
    """An image: base64 ``data`` with its media type, or a ``url``. ``detail`` is a hint."""

    url: str = ""
    data: str = ""
    media_type: str = ""
    detail: str | None = None
    at: str = ""


class Document(msgspec.Struct, frozen=True):
    """A file: its ``text``, or base64 ``data`` with its media type, or a ``url``.

    ``about`` is what its sender says of it.
    """

    text: str | None = None
    data: str = ""
    media_type: str = ""
    url: str = ""
    name: str | None = None
    about: str | None = None
    at: str = ""


class ToolCall(msgspec.Struct, frozen=True):
    """A call of a tool; ``arguments`` is the text of a JSON object, as the model wrote it."""

    id: str
    name: str
    arguments: str
    at: str = ""


class ToolResult(msgspec.Struct, frozen=True):
    """What a tool call gave."""

    id: str
    parts: tuple[Text | Image | Document, ...]
    failed: bool = False
    at: str = ""


class Thought(msgspec.Struct, frozen=True):
    """One piece of a model's reasoning, and what its provider signed it with.

    A signature without text is one of its own: sealed reasoning, or Gemini's, which belongs
    to the part after it.
    """

    text: str
    signature: Signature | None = None


class Refusal(msgspec.Struct, frozen=True):
    """What a model said instead of an answer."""

    text: str


Part = Text | Image | Document | ToolCall | ToolResult | Thought | Refusal
Role = Literal["system", "developer", "user", "assistant", "tool"]


class Message(msgspec.Struct, frozen=True):
    """One turn. Role ``tool`` holds the results of the calls of the turn before, and only them.

    ``name`` tells participants of one role apart.
    """

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    at: str = ""


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call. ``schema`` is the JSON schema of its arguments."""

    name: str
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class Named(msgspec.Struct, frozen=True):
    """A tool choice: this one."""

    name: str


class JsonSchema(msgspec.Struct, frozen=True):
    """Structured output: JSON of this schema. Name, description and strictness are hints."""

    schema: dict[str, Any]
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """How much to think. ``on`` None leaves it to the model.

    ``summary`` says how much of it to show: ``omitted`` nothing, ``auto`` as the provider does.
    """

    on: bool | None = None
    effort: Literal["minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    budget: int | None = None  # tokens
    summary: Literal["omitted", "auto", "concise", "detailed"] | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call."""

    messages: tuple[Message, ...]
    instructions: tuple[str, ...] = ()  # beside the messages, before them all
    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["auto", "none", "required"] | Named | None = None
    parallel: bool | None = None  # tool calls
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: tuple[str, ...] = ()
    output: JsonSchema | Literal["json"] | None = None
    reasoning: Reasoning | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    user: str | None = None

"""A request for a response, as far as the simulated provider reads it."""

from typing import Any

import msgspec

from sim.request import ChatRequest, RequestError, joined, read


class _Part(msgspec.Struct):
    text: str = ""


class _Item(msgspec.Struct):
    type: str = "message"
    role: str = ""
    content: str | list[_Part] | None = None
    output: str | list[_Part] | None = None

    @property
    def text(self) -> str:
        """The texts of a message or of a call's output; empty for any other item."""
        return joined(self.output if self.type.endswith("_call_output") else self.content)

    @property
    def speaker(self) -> str:
        """Chat's word for who says it: what has no role is a call's output or the model's own."""
        return self.role or ("tool" if self.type.endswith("_call_output") else "assistant")


class _Tool(msgspec.Struct):
    type: str = "function"
    name: str = "lookup"


class _Format(msgspec.Struct):
    type: str = "text"
    schema: dict[str, Any] = {}


class _Text(msgspec.Struct):
    format: _Format = msgspec.field(default_factory=_Format)


class ResponsesRequest(msgspec.Struct):
    """What shapes the answer; every other field of a request is accepted and ignored."""

    model: str
    input: str | list[_Item] | None = None
    instructions: str | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    background: bool | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    max_output_tokens: int | None = None
    tools: list[_Tool] | None = None
    text: _Text | None = None

    def as_chat(self) -> ChatRequest:
        """The chat request that is answered with the same words."""
        asked = [self.input] if isinstance(self.input, str) else self.input or ()
        messages = [{"role": "system", "content": self.instructions}] if self.instructions else []
        for item in asked:
            text, role = (item, "user") if isinstance(item, str) else (item.text, item.speaker)
            messages.append({"role": role, "content": text})
        form = (self.text or _Text()).format
        functions = [tool.name for tool in self.tools or () if tool.type == "function"]
        return msgspec.convert(
            {
                "model": self.model,
                "messages": messages,
                "max_tokens": self.max_output_tokens,
                "tools": [{"function": {"name": name}} for name in functions] or None,
                "response_format": {"type": form.type, "json_schema": {"schema": form.schema}},
            },
            ChatRequest,
        )


def decode(body: bytes) -> ResponsesRequest:
    """The request in a body.

    Raises:
        RequestError: the body is not JSON, or a field has the wrong type or range.
    """
    try:
        request = read(body, ResponsesRequest)
    except (ValueError, RecursionError) as error:
        raise RequestError(str(error)) from None
    if request.max_output_tokens is not None and request.max_output_tokens < 1:
        raise RequestError("at least 1 token must be allowed - at `$.max_output_tokens`")
    return request

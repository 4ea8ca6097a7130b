"""Anthropic's Messages API."""

import re
from collections.abc import Iterator

from anthropic.types.message_create_params import MessageCreateParamsBase

from tests.vendors import claude_history, claude_thinking
from tests.vendors.claude_blocks import blocks_of, texts_in
from tests.vendors.claude_models import MODELS
from tests.vendors.pictures import bad_picture
from tests.vendors.rule import Asked, Rules, listed, objects
from tests.vendors.schemas import LONG_NAME, has_top_union, is_object, not_for_claude
from tests.vendors.shape import misfits

_API = "https://platform.claude.com/docs/en/api/messages/create"
_OUTPUTS = "https://platform.claude.com/docs/en/build-with-claude/structured-outputs"
_TOOLS = "https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use"
_VISION = "https://platform.claude.com/docs/en/build-with-claude/vision"
_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
# What the SDK's type leaves to its two halves, and what it has no more, since the newest models
# take none of it; the API takes it for those that do.
_BESIDE = ("stream", "temperature", "top_p", "top_k")

RULES = Rules()
RULES.all += [*claude_history.RULES.all, *claude_thinking.RULES.all]


@RULES.add("shape", "Extra inputs are not permitted", "anthropic.types.MessageCreateParams")
def _shape(asked: Asked) -> Iterator[str]:
    body = {key: value for key, value in asked.body.items() if key not in _BESIDE}
    yield from misfits(body, MessageCreateParamsBase, "body")


@RULES.add("max_tokens", "max_tokens: must be greater than or equal to 1", _API)
def _limit(asked: Asked) -> Iterator[str]:
    if asked.body.get("max_tokens", 0) < 1:
        yield "max_tokens"


@RULES.add(
    "blank texts",
    "text content blocks must contain non-whitespace text",
    "https://github.com/anthropics/claude-code/issues/23440",
)
def _blank(asked: Asked) -> Iterator[str]:
    for at, text in texts_in(asked.body):
        if not text.strip():
            yield at


@RULES.add(
    "the last turn's white space",
    "final assistant content cannot end with trailing whitespace",
    "https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/prefill-claudes-response",
)
def _trailing(asked: Asked) -> Iterator[str]:
    last = (listed(asked.body.get("messages")) or [{}])[-1]
    if last.get("role") == "assistant":
        texts = [block["text"] for _, block in blocks_of(last, "") if block.get("type") == "text"]
        if texts and texts[-1] != texts[-1].rstrip():
            yield "messages[-1]"


@RULES.add(
    "prefill",
    "This model does not support assistant message prefill. The conversation must end "
    "with a user message.",
    "https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6",
    lambda model: not MODELS[model].prefill,
)
def _prefill(asked: Asked) -> Iterator[str]:
    if (listed(asked.body.get("messages")) or [{}])[-1].get("role") == "assistant":
        yield "messages[-1]"


@RULES.add("names of tools", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", _TOOLS)
def _names(asked: Asked) -> Iterator[str]:
    for at, tool in objects(asked.body.get("tools"), "tools"):
        if not LONG_NAME.match(tool.get("name", "")):
            yield f"{at}.name"
    for place, message in objects(asked.body.get("messages"), "messages"):
        for at, block in blocks_of(message, place):
            if block.get("type") == "tool_use" and not LONG_NAME.match(block["name"]):
                yield f"{at}.name"


@RULES.add("tools apart", "tools: Tool names must be unique.", _TOOLS)
def _unique_names(asked: Asked) -> Iterator[str]:
    names = [tool.get("name") for _, tool in objects(asked.body.get("tools"), "tools")]
    if len(set(names)) != len(names):
        yield "tools"


@RULES.add("a tool's schema", "tools.0.custom.input_schema.type: Field required", _TOOLS)
def _schema(asked: Asked) -> Iterator[str]:
    for at, tool in objects(asked.body.get("tools"), "tools"):
        if not is_object(tool.get("input_schema")):
            yield f"{at}.input_schema.type"


@RULES.add(
    "choices of schemas",
    "input_schema does not support oneOf, allOf, or anyOf at the top level",
    "https://github.com/anthropics/claude-code/issues/35901",
)
def _union(asked: Asked) -> Iterator[str]:
    for at, tool in objects(asked.body.get("tools"), "tools"):
        if has_top_union(tool.get("input_schema")):
            yield f"{at}.input_schema"


@RULES.add(
    "strict tools",
    "tools.0.custom: For 'object' type, 'additionalProperties' must be explicitly set to false",
    _OUTPUTS,
)
def _strict(asked: Asked) -> Iterator[str]:
    for at, tool in objects(asked.body.get("tools"), "tools"):
        if tool.get("strict"):
            yield from not_for_claude(tool.get("input_schema"), f"{at}.input_schema")


@RULES.add(
    "output's schema",
    "output_config.format.schema: For 'string' type, property 'minLength' is not supported",
    _OUTPUTS,
)
def _output(asked: Asked) -> Iterator[str]:
    output = (asked.body.get("output_config") or {}).get("format")
    if output:
        yield from not_for_claude(output.get("schema"), "output_config.format.schema")


@RULES.add("tool choice", "tool_choice: Tool 'x' not found in provided tools", _TOOLS)
def _choice(asked: Asked) -> Iterator[str]:
    choice = asked.body.get("tool_choice")
    names = [tool.get("name") for _, tool in objects(asked.body.get("tools"), "tools")]
    if choice and (not names or (choice.get("type") == "tool" and choice["name"] not in names)):
        yield "tool_choice"


@RULES.add(
    "pictures", "Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'", _VISION
)
def _pictures(asked: Asked) -> Iterator[str]:
    for place, message in objects(asked.body.get("messages"), "messages"):
        for at, block in blocks_of(message, place, nested=True):
            if block.get("type") == "image":
                yield from bad_picture(block.get("source") or {}, f"{at}.source", _TYPES)


@RULES.add("user's id", "metadata.user_id: String should have at most 256 characters", _API)
def _user(asked: Asked) -> Iterator[str]:
    if len((asked.body.get("metadata") or {}).get("user_id") or "") > 256:
        yield "metadata.user_id"


@RULES.add(
    "stop sequences",
    "stop_sequences: each stop sequence must contain non-whitespace",
    "https://github.com/BerriAI/litellm/issues/3286",
)
def _stops(asked: Asked) -> Iterator[str]:
    for place, text in enumerate(listed(asked.body.get("stop_sequences"))):
        if not re.search(r"\S", text):
            yield f"stop_sequences[{place}]"

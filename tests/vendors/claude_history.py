"""What Anthropic's API refuses in the turns of a conversation."""

import re
from collections.abc import Iterator

from tests.vendors.claude_blocks import blocks_of, is_empty, turns_of
from tests.vendors.claude_models import MODELS
from tests.vendors.rule import Asked, Rules, objects

_CALLS = "https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use"
_ERRORS = "https://platform.claude.com/docs/en/api/errors"
_SYSTEM = "https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages"
_ID = re.compile(r"[a-zA-Z0-9_-]+\Z")

RULES = Rules()


@RULES.add("some turns", "messages: at least one message is required", _ERRORS)
def _some(asked: Asked) -> Iterator[str]:
    if not asked.body.get("messages"):
        yield "messages"


@RULES.add(
    "nothing empty",
    "messages.1: all messages must have non-empty content except for the "
    "optional final assistant message",
    _ERRORS,
)
def _empty(asked: Asked) -> Iterator[str]:
    messages = list(objects(asked.body.get("messages"), "messages"))
    for number, (at, message) in enumerate(messages, 1):
        last = number == len(messages) and message.get("role") == "assistant"
        if is_empty(message) and not last:
            yield at


@RULES.add(
    "ids of calls",
    "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    "https://github.com/HKUDS/nanobot/pull/4356",
)
def _ids(asked: Asked) -> Iterator[str]:
    for place, message in objects(asked.body.get("messages"), "messages"):
        for at, block in blocks_of(message, place):
            id = block.get("id") if block.get("type") == "tool_use" else block.get("tool_use_id")
            if id is not None and not _ID.match(id):
                yield at


@RULES.add(
    "ids apart",
    "messages: `tool_use` ids must be unique",
    "https://github.com/anomalyco/opencode/issues/1279",
)
def _unique(asked: Asked) -> Iterator[str]:
    seen: set[str] = set()
    for place, message in objects(asked.body.get("messages"), "messages"):
        for at, block in blocks_of(message, place):
            if block.get("type") == "tool_use":
                if block["id"] in seen:
                    yield at
                seen.add(block["id"])


@RULES.add(
    "calls and results",
    "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after",
    _CALLS,
)
def _answered(asked: Asked) -> Iterator[str]:
    turns = turns_of(asked.body)
    for place, (role, at, blocks) in enumerate(turns):
        calls = [block["id"] for _, block in blocks if block.get("type") == "tool_use"]
        if role != "assistant" or not calls:
            continue
        after = turns[place + 1][2] if place + 1 < len(turns) else []
        results = [b.get("tool_use_id") for _, b in after if b.get("type") == "tool_result"]
        if sorted(results, key=str) != sorted(calls):
            yield at


@RULES.add(
    "results and calls",
    "messages.0.content.0: unexpected `tool_use_id` found in "
    "`tool_result` blocks. Each `tool_result` block must have a corresponding `tool_use` "
    "block in the previous message.",
    _CALLS,
)
def _called(asked: Asked) -> Iterator[str]:
    before: list[str] = []
    for _, _, blocks in turns_of(asked.body):
        for at, block in blocks:
            if block.get("type") == "tool_result" and block["tool_use_id"] not in before:
                yield at
        before = [block["id"] for _, block in blocks if block.get("type") == "tool_use"]


@RULES.add(
    "results first",
    "`tool_use` ids were found without `tool_result` blocks immediately "
    "after (text before the results)",
    _CALLS,
)
def _first(asked: Asked) -> Iterator[str]:
    for _, _, blocks in turns_of(asked.body):
        other = False
        for at, block in blocks:
            if block.get("type") == "tool_result" and other:
                yield at
            other = other or block.get("type") != "tool_result"


@RULES.add(
    "whose blocks",
    "`tool_use` blocks can only be in `assistant` messages; `tool_result` "
    "blocks can only be in `user` messages",
    _CALLS,
)
def _whose(asked: Asked) -> Iterator[str]:
    own = {"tool_use": "assistant", "thinking": "assistant", "redacted_thinking": "assistant"}
    own |= {"tool_result": "user", "image": "user", "document": "user"}
    for place, message in objects(asked.body.get("messages"), "messages"):
        for at, block in blocks_of(message, place):
            if message.get("role") != own.get(block.get("type", ""), message.get("role")):
                yield at


@RULES.add(
    "system turns",
    "messages.1.role: Input should be 'user' or 'assistant'",
    _SYSTEM,
    lambda model: not MODELS[model].system_turns,
)
def _no_system(asked: Asked) -> Iterator[str]:
    for at, message in objects(asked.body.get("messages"), "messages"):
        if message.get("role") == "system":
            yield f"{at}.role"


@RULES.add(
    "where system turns stand",
    "a system message must follow a user message, and be the "
    "last or followed by an assistant message",
    _SYSTEM,
    lambda model: MODELS[model].system_turns,
)
def _system(asked: Asked) -> Iterator[str]:
    found = list(objects(asked.body.get("messages"), "messages"))
    for place, (at, message) in enumerate(found):
        if message.get("role") != "system":
            continue
        before = found[place - 1][1].get("role") if place else None
        behind = found[place + 1][1].get("role") if place + 1 < len(found) else "assistant"
        if before != "user" or behind != "assistant":
            yield at

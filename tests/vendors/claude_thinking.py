"""What Anthropic's API refuses of thinking, effort and sampling."""

from collections.abc import Iterator
from typing import Any

from tests.vendors.claude_blocks import blocks_of, turns_of
from tests.vendors.claude_models import MODELS
from tests.vendors.rule import Asked, Rules, objects

_EXTENDED = "https://platform.claude.com/docs/en/build-with-claude/extended-thinking"
_ADAPTIVE = "https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking"
_EFFORT = "https://platform.claude.com/docs/en/build-with-claude/effort"
_MIGRATION = "https://platform.claude.com/docs/en/about-claude/models/migration-guide"
_BOTH = "https://github.com/open-webui/pipelines/pull/546"
_THOUGHTS = ("thinking", "redacted_thinking")

RULES = Rules()


def _thinking(asked: Asked) -> dict[str, Any]:
    return asked.body.get("thinking") or {}


def _thinks(asked: Asked) -> bool:
    return _thinking(asked).get("type") in ("enabled", "adaptive")


@RULES.add("signatures", "messages.1.content.0: Invalid `signature` in `thinking` block", _EXTENDED)
def _signed(asked: Asked) -> Iterator[str]:
    for place, message in objects(asked.body.get("messages"), "messages"):
        for at, block in blocks_of(message, place):
            kind = block.get("type")
            signature = block.get("signature") if kind == "thinking" else block.get("data")
            if kind in _THOUGHTS and signature not in asked.issued:
                yield at


@RULES.add(
    "thoughts as they were",
    "messages.1.content.0: `thinking` or `redacted_thinking` blocks "
    "in the latest assistant message cannot be modified. These blocks must remain as they "
    "were in the original response.",
    _EXTENDED,
)
def _unmodified(asked: Asked) -> Iterator[str]:
    for place, message in objects(asked.body.get("messages"), "messages"):
        for at, block in blocks_of(message, place):
            issued = asked.issued.get(block.get("signature") or "")
            if block.get("type") == "thinking" and issued and block["thinking"] != issued.text:
                yield at


@RULES.add(
    "thoughts of this conversation",
    "messages.1.content.0: thinking block fails the "
    "conversation check: the messages before it have changed since it was created",
    "anthropic.types.beta.BetaThinkingBlockBindingParam",
    lambda model: MODELS[model].bound,
)
def _bound(asked: Asked) -> Iterator[str]:
    """Those of another model are left out without a word."""
    before: list[Any] = []
    for place, message in objects(asked.body.get("messages"), "messages"):
        for at, block in blocks_of(message, place):
            issued = asked.issued.get(block.get("signature") or block.get("data") or "")
            if block.get("type") in _THOUGHTS and issued and issued.model == asked.model:
                then = [_plain(each) for each in issued.body.get("messages") or ()]
                if then != before:
                    yield at
        before.append(_plain(message))


def _plain(message: Any) -> tuple[str, Any]:
    return message.get("role"), [block for _, block in blocks_of(message, "")]


@RULES.add(
    "a budget",
    "thinking.enabled.budget_tokens: Input should be greater than or equal to "
    "1024; max_tokens must be greater than thinking.budget_tokens",
    _EXTENDED,
)
def _budget(asked: Asked) -> Iterator[str]:
    thinking = _thinking(asked)
    if thinking.get("type") == "enabled":
        budget = thinking.get("budget_tokens", 0)
        if not 1024 <= budget < asked.body.get("max_tokens", 0):
            yield "thinking.budget_tokens"


@RULES.add(
    "kinds of thinking",
    '"thinking.type.enabled" is not supported for this model. Use '
    '"thinking.type.adaptive" and "output_config.effort" to control thinking behavior.; '
    "adaptive thinking is not supported on this model",
    _ADAPTIVE,
)
def _kinds(asked: Asked) -> Iterator[str]:
    traits, kind = MODELS[asked.model], _thinking(asked).get("type")
    known = [*traits.off, *(["adaptive"] * traits.adaptive), *(["enabled"] * traits.budget)]
    if kind is not None and kind not in known:
        yield "thinking.type"


@RULES.add("effort", "This model does not support the effort parameter.", _EFFORT)
def _effort(asked: Asked) -> Iterator[str]:
    effort = (asked.body.get("output_config") or {}).get("effort")
    if effort is not None and effort not in MODELS[asked.model].efforts:
        yield "output_config.effort"


@RULES.add(
    "thinking and forced tools",
    "Thinking may not be enabled when tool_choice forces tool use.",
    _EXTENDED,
)
def _forced(asked: Asked) -> Iterator[str]:
    if _thinks(asked) and (asked.body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        yield "tool_choice"


@RULES.add(
    "forced tools",
    'tool_choice: type "tool" and "any" are not supported for this model.',
    "https://platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5"
    "#forced-tool-use-is-not-supported",
    lambda model: not MODELS[model].forced,
)
def _never_forced(asked: Asked) -> Iterator[str]:
    if (asked.body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        yield "tool_choice"


@RULES.add(
    "thinking and sampling",
    "`temperature` may only be set to 1 when thinking is enabled; "
    "`top_k` must be unset; `top_p` must be at least 0.95",
    _EXTENDED,
)
def _sampled(asked: Asked) -> Iterator[str]:
    if _thinks(asked):
        if asked.body.get("temperature", 1) != 1:
            yield "temperature"
        if asked.body.get("top_k") is not None:
            yield "top_k"
        if asked.body.get("top_p", 1) < 0.95:
            yield "top_p"


@RULES.add(
    "temperature",
    "temperature: range: 0..1",
    "https://platform.claude.com/docs/en/api/messages/create",
)
def _range(asked: Asked) -> Iterator[str]:
    if not 0 <= asked.body.get("temperature", 1) <= 1:
        yield "temperature"


@RULES.add(
    "either",
    "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    _BOTH,
    lambda model: not MODELS[model].both,
)
def _either(asked: Asked) -> Iterator[str]:
    if "temperature" in asked.body and "top_p" in asked.body:
        yield "top_p"


@RULES.add(
    "no sampling",
    "`temperature` is deprecated for this model.",
    _MIGRATION,
    lambda model: not MODELS[model].sampling,
)
def _no_sampling(asked: Asked) -> Iterator[str]:
    defaults = {"temperature": 1, "top_p": 1, "top_k": None}
    for key, default in defaults.items():
        if asked.body.get(key, default) != default:
            yield key


@RULES.add(
    "thinking first",
    "messages.1.content.0.type: Expected `thinking` or "
    "`redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final "
    "`assistant` message must start with a thinking block (preceeding the lastmost set of "
    "`tool_use` and `tool_result` blocks).",
    _EXTENDED,
    lambda model: MODELS[model].budget,
)
def _first(asked: Asked) -> Iterator[str]:
    """In manual mode only: with adaptive thinking a turn may begin otherwise."""
    if _thinking(asked).get("type") != "enabled":
        return
    turns = turns_of(asked.body)
    if not turns or all(block.get("type") != "tool_result" for _, block in turns[-1][2]):
        return
    said = [turn for turn in turns if turn[0] == "assistant"]
    if said and said[-1][2][0][1].get("type") not in _THOUGHTS:
        yield said[-1][1]

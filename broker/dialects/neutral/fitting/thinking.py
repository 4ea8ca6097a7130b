"""Thinking as Claude takes it: an effort, a budget or neither, by the model.

Up to 4.5 it is a budget within the greatest length, from 4.6 on it adapts to an effort. Thinking
beside a tool choice that insists on a call is refused by name. Where thinking needs a budget, a
loop of tools that another vendor's model has begun goes on without it: that is told, and refuses
nothing, for else no such loop could be gone on with there.
"""

from typing import Any

import msgspec

from broker.dialects.neutral.fitting.effort import effort_of, forces_a_tool, lose_effort, nearest
from broker.dialects.neutral.losing import lose
from broker.dialects.neutral.request import Message, Reasoning, Request, Thought, ToolCall
from broker.dialects.neutral.terms import path_of
from broker.loss import Loss
from broker.settings.takes import Takes

DEFAULT_LENGTH = 8192  # tokens that every current model can give; beside a thinking budget
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 16384}  # the rest is as high


class Thinking(msgspec.Struct, frozen=True):
    """What a messages request says of thinking, and of the greatest length that it is part of."""

    fields: dict[str, Any] | None
    effort: str | None
    length: int

    @property
    def on(self) -> bool:
        """Whether the model is asked to think."""
        return self.fields is not None and self.fields["type"] in ("adaptive", "enabled")


def thinking_of(request: Request, takes: Takes, caller: str = "") -> Thinking:
    """How a request's wish for reasoning is put.

    Raises:
        Unexpressible: it can't be, and nobody collects losses.
    """
    reasoning = request.reasoning
    length = DEFAULT_LENGTH if request.max_tokens is None else request.max_tokens
    if reasoning is None:
        return Thinking(None, None, length)
    effort: str | None = reasoning.effort
    if takes.efforts is None:
        effort = "low" if effort == "minimal" else effort
    elif effort is not None:
        effort = nearest(effort, takes.efforts) if takes.efforts else None
    if reasoning.on is None:
        return Thinking(None, effort, length)
    if not reasoning.on:
        return _off(takes, effort, length)
    if not _may_think(request, reasoning, takes, caller):
        return Thinking(None, effort, length)
    if takes.thinking != "budget":
        return _adaptive(request, reasoning, takes, effort, length)
    wanted = reasoning.budget or _BUDGETS.get(reasoning.effort or "medium", _BUDGETS["high"])
    least = takes.budget_least or 1
    wanted = max(wanted, least)
    wanted = min(wanted, takes.budget_most or wanted)
    if request.max_tokens is None:
        length += wanted
    elif length <= least:
        lose_effort(reasoning.effort, f"this model thinks with {least} tokens or more of its limit")
        return Thinking(None, effort, length)
    elif reasoning.budget is None or wanted >= length:
        wanted = max(least, min(wanted, length // 2))
    return Thinking(_fields("enabled", reasoning, budget_tokens=wanted), effort, length)


def _off(takes: Takes, effort: str | None, length: int) -> Thinking:
    if takes.thinking == "none":
        return Thinking(None, effort, length)
    if takes.thinking_off == "never":
        lose_effort("none", "this model always thinks")
        return Thinking(None, takes.efforts[0] if takes.efforts else effort, length)
    return Thinking({"type": takes.thinking_off or "disabled"}, effort, length)


def _may_think(request: Request, reasoning: Reasoning, takes: Takes, caller: str) -> bool:
    """Whether the model can think here; if not, what was asked for is lost."""
    if takes.thinking == "none":
        lose_effort(reasoning.effort, "this model does not think")
        return False
    if takes.forced_tool_beside_thinking is False and forces_a_tool(request):
        lose_effort(reasoning.effort, "this model can't think where tool_choice insists on a call")
        return False
    budget = takes.thinking == "budget"
    if budget and takes.thinking_goes_on is False and _began_without(request.messages):
        path = path_of("effort", caller)
        why = "another model began this loop of tools, and this one can't begin to think in it"
        lose(Loss(path, why), told=True)
        return False
    return True


def _adaptive(
    request: Request, reasoning: Reasoning, takes: Takes, effort: str | None, length: int
) -> Thinking:
    if takes.thinking is None and reasoning.budget is not None:
        length += reasoning.budget if request.max_tokens is None else 0
        fields = _fields("enabled", reasoning, budget_tokens=reasoning.budget)
        return Thinking(fields, effort, length)
    if effort is None and reasoning.budget is not None:
        effort = nearest(effort_of(reasoning) or "high", takes.efforts or ("high",))
    return Thinking(_fields("adaptive", reasoning), effort, length)


def _fields(kind: str, reasoning: Reasoning, **fields: Any) -> dict[str, Any]:
    summary = reasoning.summary
    shown = {"display": "omitted" if summary == "omitted" else "summarized"} if summary else {}
    return {"type": kind, **fields, **shown}


def _began_without(messages: tuple[Message, ...]) -> bool:
    """Whether the last turn of the model called tools, and does not begin with its own thoughts."""
    said = [place for place, each in enumerate(messages) if each.role == "assistant"]
    if not said or all(each.role != "tool" for each in messages[said[-1] :]):
        return False
    turn = messages[said[-1]]
    if not any(isinstance(part, ToolCall) for part in turn.parts):
        return False
    first = next((part for part in turn.parts if not _is_left_out(part)), None)
    return not isinstance(first, Thought)


def _is_left_out(part: Any) -> bool:
    signature = part.signature if isinstance(part, Thought) else None
    return isinstance(part, Thought) and (signature is None or signature.dialect != "messages")

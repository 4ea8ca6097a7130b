"""What Anthropic's models take, by their names.

Sources: platform.claude.com, "Extended thinking", "Adaptive thinking", "Effort", "Migration guide",
"Mid-conversation system messages", "Prefill Claude's response", "What's new in Claude Opus 5.5",
"Claude Sonnet 5.5 migration guide".
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Traits:
    """One model. ``efforts`` are those that it knows, if any."""

    adaptive: bool  # thinking of kind "adaptive"
    budget: bool  # thinking of kind "enabled", with a budget
    efforts: tuple[str, ...]
    sampling: bool  # temperature, top_p and top_k at all
    both: bool  # temperature beside top_p
    system_turns: bool
    prefill: bool
    forced: bool = True  # whether a tool choice may force a call at all
    off: tuple[str, ...] = ("disabled",)  # kinds of thinking that are none
    bound: bool = False  # whether thoughts are bound to the conversation that they are from


_LEVELS = ("low", "medium", "high")
_OLD = Traits(False, True, (), True, True, False, True)
_4_5 = Traits(False, True, (), True, False, False, True)
_4_6 = Traits(True, True, (*_LEVELS, "max"), True, False, False, False)
_4_7 = Traits(True, False, (*_LEVELS, "xhigh", "max"), False, False, False, False)
_4_8 = Traits(True, False, (*_LEVELS, "xhigh", "max"), False, False, True, False)
_5_5 = Traits(True, False, (*_LEVELS, "xhigh", "max"), False, False, True, False, False, ())

MODELS = {
    "claude-sonnet-4-20250514": _OLD,
    "claude-haiku-4-5": _4_5,
    "claude-sonnet-4-5-20250929": _4_5,
    "claude-opus-4-5": Traits(False, True, _LEVELS, True, False, False, True),
    "claude-opus-4-6": _4_6,
    "claude-sonnet-4-6": _4_6,
    "claude-opus-4-7": _4_7,
    "claude-opus-4-8": _4_8,
    "claude-opus-5-5": replace(_5_5, bound=True),
    "claude-sonnet-5-5": replace(_5_5, off=("between_tools",)),
}

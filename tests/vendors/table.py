"""All vendors that judge, and the table of their rules: ``python -m tests.vendors``."""

from tests.vendors import (
    claude,
    claude_models,
    gemini,
    gemini_models,
    kin,
    openai_chat,
    openai_models,
)
from tests.vendors import openai_responses as responses
from tests.vendors.rule import Issued, Rule, Vendor

RULES: dict[str, list[Rule]] = {
    "anthropic": claude.RULES.all,
    "openai": openai_chat.RULES.all,
    "openai-responses": responses.RULES.all,
    "google": gemini.RULES.all,
    "mistral": kin.MISTRAL.all,
    "deepseek": kin.DEEPSEEK.all,
    "groq": kin.GROQ.all,
    "vllm": kin.QWEN.all,
}
_DIALECTS = {"anthropic": "messages", "openai-responses": "responses", "google": "gemini"}
_MODELS: dict[str, tuple[str, ...]] = {
    "anthropic": tuple(claude_models.MODELS),
    "openai": tuple(openai_models.MODELS),
    "openai-responses": tuple(openai_models.MODELS),
    "google": tuple(gemini_models.MODELS),
    "mistral": ("mistral-large-latest",),
    "deepseek": ("deepseek-reasoner",),
    "groq": ("openai/gpt-oss-120b",),
    "vllm": ("Qwen/Qwen3.6-27B",),
}


def vendors() -> list[Vendor]:
    """Every vendor with every model that there is a judge for; none has signed anything yet.

    The names are those of the broker's presets, by which the vendors are reached. What one model
    of a vendor has signed its others know too.
    """
    issued: dict[str, dict[str, Issued]] = {name: {} for name in RULES}
    issued["openai-responses"] = issued["openai"]
    return [
        Vendor(f"{name}/{model}", _DIALECTS.get(name, "chat"), model, rules, name, issued[name])
        for name, rules in RULES.items()
        for model in _MODELS[name]
    ]


def vendor(name: str) -> Vendor:
    """The one of this name, ``PRESET/MODEL``."""
    return next(each for each in vendors() if each.name == name)


def table() -> str:
    """The rules, a line each: whose, what, in which words, and where that is from."""
    lines = [
        f"{name} | {rule.name} | {rule.words} | {rule.source}"
        for name, rules in RULES.items()
        for rule in rules
    ]
    return "\n".join(lines)

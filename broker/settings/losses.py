"""The losses that an operator may allow: what ``allow_loss`` can name, and what that leaves out.

Each is something that changes the answer and that not every provider can be asked; what changes
none is left out unasked, and is none of these.
"""

from collections.abc import Iterable
from difflib import get_close_matches

LOSSES: dict[str, str] = {
    "audio": "sound that is sent, or wanted in the answer",
    "citations": "the wish for citations",
    "documents": "files that the provider does not take, in this form; a note stands in for each",
    "fields": "fields that are not known here, or that the provider is without",
    "hosted_tools": "tools that the provider itself would run, and tools that are no functions",
    "images": "pictures that the provider does not take, in this form; a note stands in for each",
    "include": "what is wanted beside the answer: `include`, `logprobs`, `top_logprobs`",
    "items": "parts and items of a kind not known here; a note stands in for each part",
    "json_schema": "that the answer keeps to a schema: the model is asked for it in words",
    "logit_bias": "biases of tokens",
    "penalties": "`frequency_penalty` and `presence_penalty`",
    "reasoning": "a reasoning effort that the provider has no word for",
    "seed": "the seed",
    "temperature": "a temperature that the model does not take, or what of it is above its highest",
    "tool_choice": "a choice among several tools, or that insists on a call of one",
    "top_k": "`top_k`",
    "top_p": "a `top_p` that the model does not take",
    "verbosity": "`verbosity`",
}


def unknown(names: Iterable[str]) -> list[str]:
    """A complaint of each name that is none of a loss."""
    return [f"there is no loss {name!r}{_near(name)}" for name in names if name not in LOSSES]


def _near(name: str) -> str:
    near = get_close_matches(name, LOSSES, 1)
    return f": {near[0]!r} is one" if near else f"; there are: {', '.join(LOSSES)}"

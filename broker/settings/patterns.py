"""Patterns: a route whose name has a ``*`` serves every model whose name it matches.

The star stands for one character or more, slashes too; a pattern has one. Of several that match,
the one with the most text beside its star wins, and of equals the one with the longer beginning. An
exact name goes before every pattern. A name that begins with a provider's name and a slash
addresses that provider, unless a pattern begins with just that.

A target's star is filled in with what the pattern's star stands for, where other text stands beside
it: ``"fast-*"`` makes ``one/quick-*`` of ``fast-4`` to ``one/quick-4``. A target that is all star
(``PROVIDER/*``) gets the model's name as it was asked for, from the last slash of the pattern's
beginning on: ``"claude-*"`` makes ``anthropic/*`` of ``claude-x`` to ``anthropic/claude-x``, and
``"team/*"`` makes ``openai/*`` of ``team/gpt-x`` to ``openai/gpt-x``.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

STAR = "*"


class Pattern(NamedTuple):
    """A route's name, taken apart at its star."""

    name: str
    beginning: str
    end: str

    def match(self, model: str) -> str | None:
        """What the star stands for in this name; None if the pattern does not match it."""
        length = len(model) - len(self.beginning) - len(self.end)
        if length < 1 or not (model.startswith(self.beginning) and model.endswith(self.end)):
            return None
        return model[len(self.beginning) : len(self.beginning) + length]


def patterns_of(names: Iterable[str]) -> tuple[Pattern, ...]:
    """Those of the names that are patterns, the most specific first."""
    found = [Pattern(name, *name.split(STAR, 1)) for name in names if STAR in name]
    return tuple(
        sorted(found, key=lambda each: (len(each.name), len(each.beginning)), reverse=True)
    )


def best(patterns: Iterable[Pattern], model: str, providers: Collection[str]) -> Pattern | None:
    """The pattern that serves this name, if one does."""
    address, slash, _ = model.partition("/")
    own = address + slash if slash and address in providers else ""
    for each in patterns:  # a model's name has 256 characters at most, and routes are few
        if each.beginning.startswith(own) and each.match(model) is not None:
            return each
    return None


def filled(target: str, pattern: Pattern, model: str) -> str:
    """A target of the pattern's route, for a name that it matches."""
    if STAR not in target:
        return target
    provider, _, rest = target.partition("/")
    if rest == STAR:
        return f"{provider}/{model[pattern.beginning.rfind('/') + 1 :]}"
    return f"{provider}/{rest.replace(STAR, pattern.match(model) or '')}"

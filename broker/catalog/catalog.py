"""Catalog: the lists of all providers at one moment, and names that are found in them.

What a caller's name costs here is bounded: a look into a dictionary for what it is, and
for names that are near it a comparison with some dozens, whatever the lists have.
"""

import re
from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from broker.catalog.listing import Listed

Lists = Mapping[str, tuple[Listed, ...]]  # by provider

_DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2}|latest)\Z", re.ASCII)
_WORD = re.compile(r"[a-z]+|[0-9]+")
_MOST_WORDS = 12  # of a name that are looked at
_MOST_OF_WORD = 200  # names that are kept under a word
_COMPARED = 40  # names that are compared, those with the most words in common
_LONGEST = 64  # characters of each that are compared
_NEAR = 3  # names that are told
_ALIKE = 0.6  # how alike they must be, from 0 to 1


class Public(NamedTuple):
    """A name that calls may use: whose it is, and what its list says of it."""

    name: str
    owner: str
    listed: Listed | None


class Catalog:
    """``lists`` has each provider's models, ``public`` all names that a caller is shown."""

    def __init__(self, lists: Lists) -> None:
        self.lists = lists
        self.public: tuple[Public, ...] = ()
        self._models = {
            provider: {each.id: each for each in models} for provider, models in lists.items()
        }
        self._providers: dict[str, list[str]] = {}
        for provider, models in self._models.items():
            for name in models:
                self._providers.setdefault(name, []).append(provider)

    def providers_of(self, model: str) -> tuple[str, ...]:
        """The providers that list a model of this name."""
        return tuple(self._providers.get(model, ()))

    def providers_of_alias(self, model: str) -> tuple[str, ...]:
        """The providers that list this model with a date, or with none if this name has one."""
        bare = _DATED.sub("", model)
        found = self._undated.get(model, ()) if bare == model else self._providers.get(bare, ())
        return tuple(found)

    @cached_property
    def _undated(self) -> dict[str, dict[str, None]]:
        """The providers of each dated model, by its name without the date."""
        found: dict[str, dict[str, None]] = {}
        for name, providers in self._providers.items():
            if (bare := _DATED.sub("", name)) != name:
                found.setdefault(bare, {}).update(dict.fromkeys(providers))
        return found

    def listed(self, provider: str, model: str) -> Listed | None:
        """What a provider's list says of a model."""
        return self._models.get(provider, {}).get(model)

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each public name stands."""
        return {each.name: place for place, each in enumerate(self.public)}

    def near(self, model: str) -> list[str]:
        """Up to three names that are like this one, the most alike first.

        Of those that share a word with it, or how they begin, the ones that share the most are
        compared.
        """
        shared: Counter[str] = Counter()
        for word in _words(model):
            shared.update(self._by_word.get(word, ()))
        likely = {name.lower()[:_LONGEST]: name for name, _ in shared.most_common(_COMPARED)}
        found = get_close_matches(model.lower()[:_LONGEST], likely, _NEAR, _ALIKE)
        return [likely[each] for each in found]

    @cached_property
    def _by_word(self) -> dict[str, list[str]]:
        index: dict[str, list[str]] = {}
        for name in self.places:
            for word in _words(name):
                names = index.setdefault(word, [])
                if len(names) < _MOST_OF_WORD:
                    names.append(name)
        return index


def _words(name: str) -> set[str]:
    """The words and numbers of a name, and how it begins, for one whose words are misspelt."""
    text = name.lower()[: 4 * _LONGEST]
    last = text.rpartition("/")[2]
    words = {match[0] for match in islice(_WORD.finditer(text), _MOST_WORDS)}
    return words | {f"^{text[:3]}", f"^{last[:3]}"}

"""Naming: what the name of a model stands for.

    a route's own name ─▶ a pattern ─▶ PROVIDER/MODEL ─▶ a bare name: the one provider that has it

A bare name is looked for in the providers' lists, where a name without its date or ``-latest`` is
the same: vendors list one of them and know both. Of a provider whose list is not known yet a
vendor's own names are taken to be there: ``claude-…`` is Anthropic's. Providers that are one
account in several dialects count as one; of them the one that speaks the call's dialect is taken,
else the first. A name that two accounts have is refused: whose bill it is, is not guessed.

The meaning is found once, where a job is made, and stands in the job's record: lists change, and
differ between processes.
"""

from collections.abc import Callable, Iterable

from broker.catalog.catalog import Catalog, Lists, Public
from broker.errors import AmbiguousModel, UnknownModel
from broker.routing import targets_for
from broker.settings import Provider, Settings
from broker.settings.patterns import STAR

_SHOWN = 256  # characters of a caller's text in an error
_NAMED = 5  # providers that an error names
# How the names begin of models that a vendor alone makes, by the name of its preset. Vendors that
# serve others' models, or whose models others serve under these names, are not here.
FAMILIES: dict[str, tuple[str, ...]] = {
    "openai": ("gpt-", "chatgpt-", "codex-", "o1", "o3", "o4"),
    "anthropic": ("claude-",),
    "google": ("gemini-",),
    "xai": ("grok-",),
}
_OPEN = ("gpt-oss",)  # what begins so, and whoever likes serves it


def meaning(
    settings: Settings, model: str, dialect: str | None, catalog: Callable[[], Catalog]
) -> str:
    """The name of a route, or the ``PROVIDER/MODEL``, that a caller's name stands for.

    ``dialect`` is the call's, None if it is of no matter; ``catalog`` is asked for bare names only.

    Raises:
        UnknownModel: it stands for nothing; the message names near ones.
        AmbiguousModel: several providers have it.
    """
    if settings.served(model) is not None or model.partition("/")[0] in settings.providers:
        return model
    lists = catalog()
    found = candidates(settings, lists, model)
    if not found:
        raise UnknownModel(_unknown(settings, lists, model), param="model")
    if not _is_one(settings, found):
        ways = [f"{name}/{model}"[:_SHOWN] for name in found[:_NAMED]]
        raise AmbiguousModel(f"Say which: {', '.join(map(repr, ways))}.", param="model")
    name = next((each for each in found if settings.providers[each].dialect == dialect), found[0])
    address = f"{name}/{model}"
    targets_for(settings, address)
    return address


def candidates(settings: Settings, catalog: Catalog, model: str) -> tuple[str, ...]:
    """The providers that a bare name may mean, in the order of the configuration."""
    listing = frozenset(catalog.providers_of(model) or catalog.providers_of_alias(model))
    bare = [name for name, each in settings.providers.items() if each.bare_names]
    found = tuple(name for name in bare if name in listing)
    unknown = (name for name in bare if not catalog.lists.get(name))
    return found or tuple(name for name in unknown if _is_family(name, model))


def catalog_of(settings: Settings, lists: Lists) -> Catalog:
    """The catalog of these lists, with the names that callers are shown.

    Routes come first. A model is shown once: by its bare name where that finds it, else with its
    provider before it.
    """
    own = {name: models for name, models in lists.items() if name in settings.providers}
    catalog = Catalog(own)
    public = {name: _route(settings, catalog, name) for name in sorted(settings.routes)}
    for provider in settings.providers:
        for listed in catalog.lists.get(provider, ()):
            name = listed.id
            if not _is_bare(settings, catalog, name, provider):
                name = f"{provider}/{listed.id}"
            public.setdefault(name, Public(name, provider, listed))
    catalog.public = tuple(each for each in public.values() if STAR not in each.name)
    return catalog


def _route(settings: Settings, catalog: Catalog, name: str) -> Public:
    """A route as its first target is."""
    owner, _, model = settings.routes[name].names[0].partition("/")
    return Public(name, owner, catalog.listed(owner, model))


def _is_bare(settings: Settings, catalog: Catalog, model: str, provider: str) -> bool:
    """Whether a call may name this model of a provider's list without its provider."""
    if model in settings.routes:
        return False
    if (matched := settings.matched(model)) is not None:
        return matched.names[0] == f"{provider}/{model}"
    if model.partition("/")[0] in settings.providers:
        return False
    found = candidates(settings, catalog, model)
    return provider in found and _is_one(settings, found)


def _is_one(settings: Settings, providers: Iterable[str]) -> bool:
    """Whether these are one account, in several dialects."""
    return len({_account(settings.providers[name]) for name in providers}) == 1


def _is_family(provider: str, model: str) -> bool:
    family = FAMILIES.get(provider.removesuffix("-responses"), ())
    return model.startswith(family) and not model.startswith(_OPEN) if family else False


def _account(provider: Provider) -> tuple[str, str | None]:
    """What tells one account from another, whatever it is spoken to in."""
    return provider.base_url.rstrip("/"), provider.api_key_env


def _unknown(settings: Settings, catalog: Catalog, model: str) -> str:
    shown = f"There is no route {model[:_SHOWN]!r}"
    if near := catalog.near(model):
        return f"{shown}. Near to it: {', '.join(map(repr, near))}."
    some = [f"{name}/MODEL" for name in list(settings.providers)[:_NAMED]]
    if not some:
        return f"{shown}, and no provider."
    return f"{shown}, and no provider lists it. A provider's model is called {_either(some)}."


def _either(words: Iterable[str]) -> str:
    *first, last = map(repr, words)
    return f"{', '.join(first)} or {last}" if first else last

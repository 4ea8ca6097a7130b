"""What in a configuration is allowed, and likely not meant: names that can't match."""

from collections.abc import Iterator

from broker.settings import Route, Settings
from broker.settings.addresses import in_address, is_model
from broker.settings.patterns import STAR, Pattern, filled, patterns_of

_FOREIGN = "?[]{}^$|\\"  # what patterns of other kinds are made with


def warnings(settings: Settings) -> Iterator[str]:
    """Each of them, beginning with its key."""
    for name in settings.routes:
        if any(each in name for each in _FOREIGN) or f".{STAR}" in name:
            what = f"serves what its text matches letter for letter but for the {STAR!r}"
            if STAR not in name:
                what = "serves the model of exactly this name"
            yield f"routes.{name}: {what}; no other pattern than {STAR!r} is known"
    for pattern in patterns_of(settings.routes):
        yield from _of_pattern(settings, pattern, settings.routes[pattern.name])


def _of_pattern(settings: Settings, pattern: Pattern, route: Route) -> Iterator[str]:
    key = f"routes.{pattern.name}"
    address, slash, _ = pattern.beginning.partition("/")
    if slash and address in settings.providers:
        yield f"{key}: takes calls that address the provider {address!r} itself"
    if not pattern.beginning and "/" in pattern.end:
        yield f"{key}: does not match a name that begins with a provider's, as {_some(settings)}/…"
    sample = pattern.name.replace(STAR, "x")
    for place, target in enumerate(route.names):
        name, _, model = filled(target, pattern, sample).partition("/")
        provider = settings.providers[name]
        if in_address(provider) and not is_model(model, provider):
            yield f"{key}.targets[{place}]: {target!r} can be no model of {name!r}"


def _some(settings: Settings) -> str:
    return next(iter(settings.providers), "PROVIDER")

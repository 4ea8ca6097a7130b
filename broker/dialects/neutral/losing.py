"""Collecting what of a request can't be asked, so that it is told all at once.

Whoever reads or writes a request notes a loss (``lose``) and goes on without it, or raises
``Unexpressible`` where there is no going on; ``parts_of`` and ``attempt`` go on after that at the
next field or item. When all is read and written, losses that the operator allows
(``Terms.allow_loss``) are no more than told, and any other refuses the request.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

import msgspec

from broker.dialects.hints import hint_at
from broker.dialects.neutral.terms import Terms, path_of, path_of_chat
from broker.errors import Unexpressible
from broker.loss import Kind, Loss, at_provider, shown
from broker.settings.losses import LOSSES

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


class Losses:
    """What of one request is lost at one provider, as it is read and then written."""

    def __init__(self, terms: Terms, caller: str) -> None:
        self.terms = terms
        self.caller = caller
        self._found: list[tuple[Loss, bool]] = []

    def add(self, loss: Loss, *, fatal: bool = False, told: bool = False) -> None:
        """``fatal``: nothing can be done without it; ``told``: it refuses nothing, ever."""
        allowed = told or loss.setting in self.terms.allow_loss
        if fatal and allowed:  # what it belongs to can't be without it
            loss, allowed = msgspec.structs.replace(loss, setting=None), False
        self._found.append((loss, allowed))

    @property
    def allowed(self) -> tuple[str, ...]:
        """The paths of what is left out."""
        return tuple(dict.fromkeys(loss.path for loss, allowed in self._found if allowed))

    def check(self) -> None:
        """Raise Unexpressible over all that is not allowed."""
        refused = [loss for loss, allowed in self._found if not allowed]
        if refused:
            raise Unexpressible(losses=at_provider(refused, self.terms.provider))


_CURRENT: ContextVar[Losses | None] = ContextVar("losses", default=None)
_ANY = Terms()


@contextmanager
def collecting(terms: Terms = _ANY, caller: str = "") -> Iterator[Losses]:
    """Collect what is lost within; at its end what is not allowed refuses the request.

    Raises:
        Unexpressible: over all of it, ``provider`` set in each loss.
    """
    losses = Losses(terms, caller)
    token = _CURRENT.set(losses)
    try:
        yield losses
    except Unexpressible as error:
        if not error.losses:
            raise
        for loss in error.losses:
            losses.add(loss, fatal=True)
    finally:
        _CURRENT.reset(token)
    losses.check()


def whole(function: Callable[P, T]) -> Callable[P, T]:
    """Make a reader or writer of requests collect by itself, if nobody does around it."""

    @wraps(function)
    def collected(*args: P.args, **kwargs: P.kwargs) -> T:
        if _CURRENT.get() is not None:
            return function(*args, **kwargs)
        with collecting():
            return function(*args, **kwargs)
        raise AssertionError  # what was lost has been raised

    return collected


def terms() -> Terms:
    """How requests are put to the provider for which is collected."""
    losses = _CURRENT.get()
    return _ANY if losses is None else losses.terms


def caller() -> str:
    """The dialect of the caller whose request it is; empty: nobody collects."""
    losses = _CURRENT.get()
    return "" if losses is None else losses.caller


def is_hint(path: str, value: object) -> bool:
    """Whether a field that no reader has a word for changes nothing: ``broker.dialects.hints``."""
    losses = _CURRENT.get()
    return losses is not None and hint_at(losses.caller, path, value) is not None


def lose(loss: Loss, *, told: bool = False) -> None:
    """Go on without it, for now.

    Raises:
        Unexpressible: nobody collects.
    """
    losses = _CURRENT.get()
    if losses is not None:
        losses.add(loss, told=told)
    elif not told:
        raise Unexpressible(losses=[loss])


def lose_setting(
    name: str, value: object, reason: str, setting: str | None = None, kind: Kind = "extra"
) -> None:
    """The same of one of the neutral request's settings, under the caller's name for it."""
    losses = _CURRENT.get()
    path = path_of(name, "" if losses is None else losses.caller)
    lose(Loss(path, reason, "" if value is None else shown(value), kind, setting=setting or name))


_OF_CHAT = {
    "frequency_penalty": "penalties",
    "presence_penalty": "penalties",
    "reasoning_effort": "reasoning",
}


def lose_chat(field: str, value: object, reason: str, kind: Kind, setting: str = "") -> None:
    """The same of what a chat provider is without, by chat's name for it."""
    known = setting or (field if field in LOSSES else _OF_CHAT.get(field, "fields"))
    losses = _CURRENT.get()
    path = path_of_chat(field, "" if losses is None else losses.caller)
    lose(Loss(path, reason, shown(value), kind, setting=known))


def attempt(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What a function gives; None if that can't be asked."""
    try:
        return function(*args, **kwargs)
    except Unexpressible as error:
        noted(error)
        return None


def parts_of(items: Iterable[T], read: Callable[[T], R]) -> Iterator[R]:
    """What is read of items, without those that can't be asked."""
    for item in items:
        try:
            yield read(item)
        except Unexpressible as error:
            noted(error)


def noted(error: Unexpressible) -> None:
    """Go on without what an error is about, for now.

    Raises:
        Unexpressible: nobody collects.
    """
    if not error.losses or _CURRENT.get() is None:
        raise error
    for loss in error.losses:
        lose(loss)

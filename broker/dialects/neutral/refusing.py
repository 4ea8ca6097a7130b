"""Refusing: all that can't be asked of a provider, named at once.

Within ``all_at_once`` a refusal is noted and the work goes on, so that a caller learns of every
field and not of the next one at each try. Readers and writers call ``refuse``; one that raises
``Unexpressible`` ends the work there, and what was noted is said with it.

What may be dropped is known here too: hints (``broker.dialects.hints``), of which the answer is no
other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from broker.dialects.hints import hint_at
from broker.errors import BadRequest, Unexpressible
from broker.loss import Loss

_MOST = 64  # that are noted: a request may hold any number

_active: ContextVar["Refusals | None"] = ContextVar("refusals", default=None)


class Refusals:
    """What was refused so far of one request in this dialect."""

    def __init__(self, caller: str) -> None:
        self._caller = caller
        self._found: dict[str, Loss] = {}  # by path

    @property
    def losses(self) -> tuple[Loss, ...]:
        """All of it, in the order in which it was refused."""
        return tuple(self._found.values())

    @property
    def full(self) -> bool:
        """Whether no more is noted."""
        return len(self._found) >= _MOST

    def note(self, error: Unexpressible) -> None:
        """Note a refusal; of one path the first."""
        for loss in error.losses or (Loss(error.param or "", error.detail),):
            if not self.full:
                self._found.setdefault(loss.path, loss)

    def drops(self, path: str, value: Any) -> bool:
        """Whether a field that the reader has no word for is a hint, and left out."""
        return hint_at(self._caller, path, value) is not None


@contextmanager
def all_at_once(caller: str) -> Iterator[Refusals]:
    """Note what is refused within, and raise it at the end. One within another is that other one.

    Raises:
        Unexpressible: something was refused; all of it.
        BadRequest: as raised within, if nothing was refused.
    """
    outer = _active.get()
    if outer is not None:
        yield outer
        return
    found = Refusals(caller)
    token = _active.set(found)
    try:
        yield found
    except Unexpressible as error:
        found.note(error)
    except BadRequest:
        if not found.losses:
            raise
    finally:
        _active.reset(token)
    if found.losses:
        raise Unexpressible(losses=found.losses)


def refuse(error: Unexpressible) -> None:
    """Refuse something, and go on where all is to be named at once.

    Raises:
        Unexpressible: it is not, or there is enough.
    """
    found = _active.get()
    if found is None:
        raise error
    found.note(error)
    if found.full:
        raise error


def drops(path: str, value: Any) -> bool:
    """Whether a field without a counterpart is a hint, and left out."""
    found = _active.get()
    return found is not None and found.drops(path, value)

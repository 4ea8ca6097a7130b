"""Fields: one object of a request, taken apart so that nothing of it is overlooked.

Whoever reads an object takes each field by name and then closes it. What is left by then has
no counterpart and is lost, unless it says nothing: null, an empty list or object.
"""

from collections.abc import Iterator
from typing import Any, Self

from broker.dialects.neutral.losing import is_hint, lose
from broker.errors import BadRequest, Unexpressible
from broker.loss import Kind, Loss, shown

_HIGHEST = 2**63  # no dialect counts further; Python can't write an integer of 4,301 digits
_NOTHING: tuple[Any, ...] = (None, [], {})
_LONGEST_KEY = 100  # characters of a field's name that are told


class Fields:
    """The fields of the object at ``path`` (empty: the request itself); null is absent."""

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, dict):
            raise malformed(path, "an object")
        self.path = path
        self._left: dict[str, Any] = dict(value)

    def where(self, key: str) -> str:
        """The name of a field, for people."""
        key = key[:_LONGEST_KEY]
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        return self._left.get(key) is not None

    def peek(self, key: str) -> Any:
        """A field that is to be taken later."""
        return self._left.get(key)

    def any(self, key: str) -> Any:
        """A field of whatever type."""
        return self._left.pop(key, None)

    def text(self, key: str) -> str | None:
        value = self.any(key)
        if value is not None and not isinstance(value, str):
            raise malformed(self.where(key), "a string")
        return value

    def need(self, key: str) -> str:
        """A text that must be there."""
        value = self.text(key)
        if value is None:
            raise malformed(self.where(key), "a string")
        return value

    def integer(self, key: str) -> int | None:
        value = self.any(key)
        if value is not None and not (type(value) is int and -_HIGHEST <= value < _HIGHEST):
            raise malformed(self.where(key), "an integer of 64 bits")
        return value

    def number(self, key: str) -> float | None:
        value = self.any(key)
        if value is None:
            return None
        if type(value) not in (int, float) or abs(value) >= _HIGHEST:
            raise malformed(self.where(key), f"a number, and smaller than {_HIGHEST}")
        return float(value)

    def flag(self, key: str) -> bool | None:
        value = self.any(key)
        if not isinstance(value, bool | None):
            raise malformed(self.where(key), "true or false")
        return value

    def mapping(self, key: str) -> dict[str, Any] | None:
        """An object that is passed on as it is: a schema."""
        value = self.any(key)
        if not isinstance(value, dict | None):
            raise malformed(self.where(key), "an object")
        return value

    def inner(self, key: str) -> "Fields | None":
        """An object to be taken apart."""
        value = self.any(key)
        return None if value is None else Fields(value, self.where(key))

    def each(self, key: str) -> Iterator["Fields"]:
        """The objects of a list, which may be absent."""
        return fields_of(self.any(key), self.where(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, which may be absent."""
        value = self.any(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise malformed(self.where(key), "a list of strings")
        return tuple(value)

    def word(self, key: str, words: tuple[Any, ...], setting: str | None = None) -> Any:
        """A field that says what its object is, which can be expressed if it is one of these."""
        value = self.any(key)
        if value is not None and value not in words:
            raise Unexpressible(losses=[self._other(key, value, words, setting)])
        return value

    def wish(self, key: str, words: tuple[Any, ...], setting: str | None = None) -> Any:
        """A field that is lost, by itself, if it is none of these words."""
        value = self.any(key)
        if value is not None and value not in words:
            lose(self._other(key, value, words, setting))
            return None
        return value

    def _other(self, key: str, value: Any, words: tuple[Any, ...], setting: str | None) -> Loss:
        allowed = tuple(map(shown, words))
        return Loss(self.where(key), "", shown(value), "value", allowed, setting)

    def ignore(self, *keys: str) -> Self:
        """These fields are harmless to leave out."""
        for key in keys:
            self._left.pop(key, None)
        return self

    def forget(self) -> None:
        """Nothing that is left of it is looked at: the whole object is left out."""
        self._left.clear()

    def only(self, key: str, *values: Any, setting: str | None = None) -> Self:
        """This field is harmless to leave out where it says one of these; else it is lost."""
        self.wish(key, values, setting)
        return self

    def unexpressible(
        self, key: str, why: str = "", value: Any = None, setting: str | None = None
    ) -> Unexpressible:
        """The refusal of one field, without which its object can't be."""
        return unexpressible(self.where(key), why, value, setting=setting)

    def lose(self, key: str, why: str = "", setting: str | None = None) -> None:
        """Go on without this field, if it is there."""
        value = self.any(key)
        if value is not None:
            lose(Loss(self.where(key), why, shown(value), setting=setting))

    def close(self) -> None:
        """Lose what was not taken, and says something; a hint is left out unsaid."""
        for key, value in self._left.items():
            if value not in _NOTHING and not is_hint(self.where(key), value):
                lose(Loss(self.where(key), "", shown(value), setting="fields"))


def fields_of(value: Any, path: str) -> Iterator[Fields]:
    """The objects of the list at ``path``; none if it is null."""
    if value is None:
        return
    if not isinstance(value, list):
        raise malformed(path, "a list")
    for place, each in enumerate(value):
        yield Fields(each, f"{path}[{place}]")


def unexpressible(
    path: str,
    why: str = "",
    value: Any = None,
    *,
    kind: Kind = "extra",
    values: tuple[str, ...] = (),
    setting: str | None = None,
) -> Unexpressible:
    """The refusal of what stands at ``path``: see ``broker.loss.Loss``."""
    told = "" if value is None else shown(value)
    return Unexpressible(losses=[Loss(path, why, told, kind, values, setting)])


def malformed(path: str, what: str) -> BadRequest:
    """The refusal of what is wrong in its own dialect."""
    return BadRequest(f"'{path or 'request'}' must be {what}.", param=path or None)

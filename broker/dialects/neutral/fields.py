"""Fields: one object of a request, taken apart so that nothing of it is overlooked.

Whoever reads an object takes each field by name and then closes it. What is left by then has
no counterpart and is refused, unless it says nothing: null, an empty list or object.
"""

from collections.abc import Iterator
from typing import Any, Self

from broker.dialects.neutral.refusing import drops, refuse
from broker.errors import BadRequest, Unexpressible
from broker.loss import Kind, Loss, shown

_HIGHEST = 2**63  # no dialect counts further; Python can't write an integer of 4,301 digits
_NOTHING: tuple[Any, ...] = (None, [], {})


class Fields:
    """The fields of the object at ``path`` (empty: the request itself); null is absent."""

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, dict):
            raise malformed(path, "an object")
        self.path = path
        self._left: dict[str, Any] = dict(value)

    def where(self, key: str) -> str:
        """The name of a field, for people."""
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        return self._left.get(key) is not None

    def peek(self, key: str) -> Any:
        """A field of whatever type, which is still to be read."""
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

    def word(self, key: str, words: tuple[Any, ...]) -> Any:
        """A field that can be expressed only if it is one of these words; else it is None."""
        value = self.any(key)
        if value is not None and value not in words:
            shown_words = tuple(map(shown, words))
            refuse(unexpressible(self.where(key), "", value, kind="value", values=shown_words))
            return None
        return value

    def ignore(self, *keys: str) -> Self:
        """These fields are harmless to leave out."""
        for key in keys:
            self._left.pop(key, None)
        return self

    def only(self, key: str, *values: Any) -> Self:
        """This field is harmless to leave out where it says one of these."""
        self.word(key, values)
        return self

    def unexpressible(self, key: str, why: str = "", value: Any = None) -> Unexpressible:
        """The refusal of one field."""
        return unexpressible(self.where(key), why, value)

    def close(self) -> None:
        """Refuse what was not taken, but for hints: see ``refusing``.

        Raises:
            Unexpressible: there is something, and it says something.
        """
        for key, value in self._left.items():
            if value not in _NOTHING and not drops(self.where(key), value):
                refuse(self.unexpressible(key, value=value))


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

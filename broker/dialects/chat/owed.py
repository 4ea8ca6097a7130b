"""What a replay owes: all that was delivered has to be said again before anything new is.

A mirror of the fold: by JSON type and key, so that fields nobody has heard of are treated
as the fold treats them. Each noun takes what a chunk says of it and gives back what of that
is new, or None.

    Text      grows; repaid by UTF-16 units, for a provider may cut between the two halves of
              a surrogate pair, and a replay elsewhere
    Value     is set once; a run mints ids of its own, so the delivered one stands, but the
              same tool must be named
    Items     by their index (tool calls)
    List      item by item (annotations); beside a delta (log probabilities) only counted,
              for the same tokens' figures may differ in the last digit
    Object    its fields
"""

from typing import Any, Protocol

from broker.dialects.chat.fold import SET
from broker.dialects.chat.items import Items as Begun
from broker.dialects.dialect import Diverged
from broker.dialects.owed_text import Text


class Owed(Protocol):
    """Something delivered."""

    @property
    def owes(self) -> bool:
        """Whether some of it was not said again yet."""
        ...

    def repay(self, value: Any) -> Any:
        """What is new of a value that is not None; None if nothing is.

        Raises:
            Diverged: it differs from what was delivered.
        """
        ...


class Value:
    """A value that is set."""

    def __init__(self, said: Any, what: str, *, grow: bool) -> None:
        self._said = said
        self._compared = grow and what == "name"
        self._stands = grow
        self._due = self._compared and bool(said)

    @property
    def owes(self) -> bool:
        return self._due

    def repay(self, value: Any) -> Any:
        if value == self._said:
            self._due = False
            return None
        if self._said in (None, ""):
            return value
        if self._compared and value:
            raise Diverged("another tool is called")
        return None if self._stands else value


class List:
    """Items in order; a text that follows them can't be told from one of them."""

    def __init__(self, said: list[Any], what: str, *, grow: bool) -> None:
        self._said = said
        self._paid = 0
        self._compared = grow
        self._what = what

    @property
    def owes(self) -> bool:
        return self._compared and self._paid < len(self._said)

    def repay(self, value: Any) -> Any:
        if not value:
            return None
        if not isinstance(value, list):
            raise Diverged(f"{self._what} differs")
        due = self._said[self._paid : self._paid + len(value)]
        if self._compared and value[: len(due)] != due:
            raise Diverged(f"{self._what} differs")
        self._paid += len(due)
        return value[len(due) :] or None


class Items:
    """Objects that are told apart by their index."""

    def __init__(self, said: list[dict[str, Any]], *, grow: bool) -> None:
        self._items = {item["index"]: Object(item, grow=grow) for item in said}
        self._again = Begun()  # index and id of each that the replay has begun
        self._unpaid = list(self._items.values())

    @property
    def owes(self) -> bool:
        while self._unpaid and not self._unpaid[-1].owes:  # what is paid once stays paid
            self._unpaid.pop()
        return bool(self._unpaid)

    def repay(self, value: Any) -> Any:
        if not isinstance(value, list):
            raise Diverged("its shape differs")
        left = []
        for item in value:
            if not isinstance(item, dict):
                left.append(item)
                continue
            index = self._index(item)
            known = self._items.get(index)
            rest = item if known is None else known.repay({**item, "index": index})
            if rest is not None:
                left.append({**rest, "index": index})
        return left or None

    def _index(self, item: dict[str, Any]) -> int:
        index = item.get("index")
        if type(index) is not int:
            index = self._again.index_of(item)
        if self._again.at(index) is None:
            self._again.begin(index)["id"] = item.get("id")
            self._again.name(index, None)
        return index


class Object:
    """An object, field by field. ``grow``: whether its texts concatenate, as in a delta."""

    def __init__(self, said: dict[str, Any], *, grow: bool) -> None:
        self._fields = {
            key: None if value is None else _owed(key, value, grow=grow)
            for key, value in said.items()
        }

    @property
    def owes(self) -> bool:
        return any(field is not None and field.owes for field in self._fields.values())

    def repay(self, value: Any) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            raise Diverged("its shape differs")
        left = {}
        for key, new in value.items():
            field = self._fields.get(key)
            if field is not None:
                rest = None if new is None else field.repay(new)
                if rest is not None:
                    left[key] = rest
            elif new is not None or key not in self._fields:
                left[key] = new
        return left or None


def _owed(key: str, value: Any, *, grow: bool) -> Owed:
    if isinstance(value, str) and grow and key not in SET:
        return Text(value, key)
    if isinstance(value, dict):
        return Object(value, grow=grow)
    if isinstance(value, list):
        indexed = all(isinstance(i, dict) and type(i.get("index")) is int for i in value)
        if value and indexed and key != "annotations":
            return Items(value, grow=grow)
        return List(value, key, grow=grow)
    return Value(value, key, grow=grow)

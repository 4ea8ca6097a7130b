"""A text that a replay owes, by UTF-16 units.

A provider may cut between the two halves of a surrogate pair, and a replay elsewhere.
"""

from typing import Any

from broker.dialects.dialect import Diverged

_UNITS = "utf-16-le"


class Text:
    """A text that grows."""

    def __init__(self, said: str, what: str) -> None:
        self._units = said.encode(_UNITS, "surrogatepass")
        self._paid = 0
        self._what = what

    @property
    def owes(self) -> bool:
        return self._paid < len(self._units)

    def repay(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise Diverged(f"{self._what} differs")
        units = value.encode(_UNITS, "surrogatepass")
        due = self._units[self._paid : self._paid + len(units)]
        if not units.startswith(due):
            raise Diverged(f"{self._what} differs")
        self._paid += len(due)
        return units[len(due) :].decode(_UNITS, "surrogatepass") or None

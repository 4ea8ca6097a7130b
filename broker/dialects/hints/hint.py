"""One row of the table of hints."""

from typing import Any, Literal

import msgspec


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """What one field means.

    ``path`` is the field's, with ``[]`` for a place in a list; a ``*`` at its end stands for any
    ending. ``values``: it is a hint only where its value is one of
    these; none given: whatever it is.
    """

    dialect: Literal["chat", "messages", "responses"]  # of the caller
    path: str
    clients: str  # who sends it, with the version in which it was seen
    means: str  # what it asks of the provider that it was written for
    then: Literal["left out", "said otherwise"] = "left out"
    values: tuple[Any, ...] = ()

    def names(self, pattern: str) -> bool:
        """Whether a field of this path, its places left out, is meant."""
        if self.path.endswith("*"):
            return pattern.startswith(self.path[:-1])
        return pattern == self.path

    def allows(self, value: Any) -> bool:
        """Whether it is a hint with this value."""
        return not self.values or any(
            type(each) is type(value) and each == value for each in self.values
        )

"""The tool calls of one answer as they come, and how they are counted."""

from typing import Any

from broker.dialects.neutral.event import ArgumentsDelta, CallStart, Event, Failed
from broker.dialects.wire import encode

_EMPTY = "{}"  # arguments: none, or that the real ones are yet to come


class Calls:
    """Counts calls from 0, under the keys that a dialect knows them by.

    A call begins once it has a name; arguments that came before that wait for it. Arguments of
    ``{}`` wait too, for what follows them may be the call's own.
    """

    def __init__(self) -> None:
        self._indexes: dict[int, int] = {}  # by the dialect's key
        self._ids: dict[int, str] = {}  # likewise
        self._names: dict[int, str] = {}  # likewise, of calls that began
        self._unnamed: dict[int, list[str]] = {}  # likewise: arguments that wait for a name
        self._mute: set[int] = set()  # calls without arguments so far
        self._empty: int | None = None  # the key of the one that said ``{}`` just now
        self._count = 0
        self._fallback = ""

    @property
    def any(self) -> bool:
        """Whether there was one."""
        return self._count > 0 or bool(self._unnamed)

    @property
    def waits(self) -> bool:
        """Whether something is held of a call."""
        return self._empty is not None

    def knows(self, key: int) -> bool:
        return key in self._indexes or key in self._unnamed

    def begin(self, key: int, id: str, name: str, fallback: str) -> list[Event]:
        """A call begins. ``fallback`` names the answer, for a call that has no id."""
        found = [*self.settle(), *self.end(key)]
        self._ids[key] = id
        self._fallback = fallback
        if not name:
            self._unnamed[key] = []
            return found
        return found + self._begin(key, name)

    def _begin(self, key: int, name: str) -> list[Event]:
        index = self._indexes[key] = self._count
        self._count += 1
        self._names[key] = name
        self._mute.add(index)
        return [CallStart(index, self._ids[key] or f"call_{self._fallback}_{index}", name)]

    def name(self, key: int, id: str, name: str) -> list[Event]:
        """The name of a call, perhaps again; and its id, if it is told only now."""
        if key in self._unnamed:
            self._ids[key] = self._ids[key] or id
            if not name:
                return []
            waiting = self._unnamed.pop(key)
            return [*self._begin(key, name), *self.more(key, "".join(waiting))]
        if name and name != self._names.get(key, name):
            return [Failed("provider", "The provider's tool call changed its name.")]
        return []

    def more(self, key: int, text: str | None) -> list[Event]:
        """More of a call's arguments."""
        if not text:
            return []
        if key in self._unnamed:
            self._unnamed[key].append(text)
            return []
        if key not in self._indexes:
            return [Failed("provider", "The provider's tool call has no beginning.")]
        found: list[Event] = []
        if self._empty is not None:
            if self._empty == key and text.isspace():
                return []
            found = [] if self._empty == key else self.settle()
            self._empty = None
        index = self._indexes[key]
        if text == _EMPTY and index in self._mute:
            self._empty = key
            return found
        self._mute.discard(index)
        return [*found, ArgumentsDelta(index, text)]

    def settle(self) -> list[Event]:
        """Something else comes: arguments that were empty were all."""
        key, self._empty = self._empty, None
        return [] if key is None else self.end(key)

    def silent(self, key: int) -> bool:
        """Whether a call has no arguments so far."""
        if key in self._unnamed:
            return not self._unnamed[key]
        return self._indexes.get(key) in self._mute

    def end(self, key: int) -> list[Event]:
        """A call ends; one that said nothing has no arguments, which is an empty object."""
        if key in self._unnamed:
            del self._unnamed[key]
            return [Failed("provider", "The provider's tool call has no name.")]
        if self._empty == key:
            self._empty = None
        index = self._indexes.get(key)
        if index is None or index not in self._mute:
            return []
        self._mute.discard(index)
        return [ArgumentsDelta(index, _EMPTY)]

    def end_all(self) -> list[Event]:
        """The answer ends, and with it every call."""
        keys = [*self._indexes, *self._unnamed]
        return [event for key in keys for event in self.end(key)]


def arguments_text(value: Any) -> str:
    """Arguments as the JSON text that they are; some give the object itself."""
    if value is None:
        return ""
    return value if isinstance(value, str) else encode(value).decode()

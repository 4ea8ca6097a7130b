"""The tool calls of one answer as they come, and how they are counted."""

from broker.dialects.neutral.event import ArgumentsDelta, CallStart, Event


class Calls:
    """Counts calls from 0, under the keys that a dialect knows them by."""

    def __init__(self) -> None:
        self._indexes: dict[int, int] = {}  # by the dialect's key
        self._ids: dict[int, str] = {}  # likewise
        self._mute: set[int] = set()  # calls without arguments so far
        self._count = 0

    @property
    def any(self) -> bool:
        """Whether there was one."""
        return self._count > 0

    def knows(self, key: int) -> bool:
        return key in self._indexes

    def id_of(self, key: int) -> str | None:
        """The id of the call under a key."""
        return self._ids.get(key)

    def begin(self, key: int, id: str, name: str, fallback: str) -> list[Event]:
        """A call begins. ``fallback`` names the answer, for a call that has no id."""
        index = self._indexes[key] = self._count
        self._count += 1
        self._ids[key] = id
        self._mute.add(index)
        return [CallStart(index, id or f"call_{fallback}_{index}", name)]

    def more(self, key: int, text: str | None) -> list[Event]:
        """More of a call's arguments."""
        if not text or key not in self._indexes:
            return []
        index = self._indexes[key]
        self._mute.discard(index)
        return [ArgumentsDelta(index, text)]

    def silent(self, key: int) -> bool:
        """Whether a call has no arguments so far."""
        return self._indexes.get(key) in self._mute

    def end(self, key: int) -> list[Event]:
        """A call ends; one that said nothing has no arguments, which is an empty object."""
        return self.more(key, "{}") if self.silent(key) else []

    def end_all(self) -> list[Event]:
        """The answer ends, and with it every call."""
        return [event for key in list(self._indexes) for event in self.end(key)]

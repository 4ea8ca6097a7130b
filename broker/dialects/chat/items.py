"""Items of a list that grows by pieces: those that bear an index are found by it."""

from typing import Any


class Items(list[Any]):
    """The items in the order in which they came, found without looking through all of them."""

    __slots__ = ("_by_id", "_by_index", "_latest", "_top")

    def __init__(self, items: tuple[Any, ...] = ()) -> None:
        super().__init__(items)
        self._by_index: dict[int, dict[str, Any]] = {}
        self._by_id: dict[str, int] = {}
        self._latest = 0
        self._top = -1

    def at(self, index: int) -> dict[str, Any] | None:
        """The item of that index."""
        return self._by_index.get(index)

    def begin(self, index: int) -> dict[str, Any]:
        """A new item of an index that has none, still empty."""
        item = self._by_index[index] = {}
        self.append(item)
        self._latest = index
        self._top = max(self._top, index)
        return item

    def name(self, index: int, old: Any) -> None:
        """The item of that index has another id than the ``old`` one."""
        if isinstance(old, str) and self._by_id.get(old) == index:
            del self._by_id[old]
        new = self._by_index[index].get("id")
        if isinstance(new, str):
            self._by_id.setdefault(new, index)

    def index_of(self, call: dict[str, Any]) -> int:
        """The place of a tool call that came without one.

        An id not seen before begins a call; no id goes on with the last one.
        """
        name = call.get("id")
        if not name:
            return self._latest
        known = self._by_id.get(name) if isinstance(name, str) else None
        return self._top + 1 if known is None else known

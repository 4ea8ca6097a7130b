"""Ids of tool calls, as a vendor takes them.

Whoever made a call gave it an id, in its own manner (``functions.tide:0``, 100 characters). Another
vendor may refuse that; then the id is told as another one, which is made of it alone and is the
same in every turn and at every target. What a vendor takes is left as it is.

Where a vendor takes no id twice in a conversation, a call that repeats one is a call of its own: of
a result it is known whose it is by its place.
"""

import re
from collections import defaultdict, deque
from hashlib import sha256

from broker.settings.takes import Takes

_TAKEN = {"any": r"(?s:.)", "word": "[A-Za-z0-9_-]", "alphanumeric": "[A-Za-z0-9]"}
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_HASHED, _MOST = 12, 64  # characters of a hash behind what is kept, and of both


class CallIds:
    """The ids of one conversation, asked for in the order of its turns."""

    def __init__(self, takes: Takes) -> None:
        self._chars = takes.call_id_chars or "any"
        self._least, self._most = takes.call_id_least or 0, takes.call_id_most
        most = "" if self._most is None else self._most
        self._taken = re.compile(f"{_TAKEN[self._chars]}{{{self._least or 1},{most}}}")
        self._unique = bool(takes.call_ids_unique)
        self._free = takes.call_id_chars is None and self._most is None and not self._unique
        self._given: dict[str, tuple[str, int]] = {}  # what each id of theirs stands for
        self._times: dict[str, int] = defaultdict(int)
        self._open: dict[str, deque[str]] = defaultdict(deque)  # without a result so far
        self._last: dict[str, str] = {}

    @property
    def free(self) -> bool:
        """Whether the vendor takes any id."""
        return self._free

    def begin_turn(self) -> None:
        """A turn of the model begins: results that come now are those of its calls."""
        self._open.clear()

    def of_call(self, id: str) -> str:
        """The id of the next call, which its maker gave this one."""
        if self._free:
            return id
        time = self._times[id] if self._unique else 0
        self._times[id] += 1
        found = self._fitted(id, time)
        self._open[id].append(found)
        self._last[id] = found
        return found

    def of_result(self, id: str) -> str:
        """The id of the call whose result comes next; of one that is not there, the fitting one."""
        if self._free:
            return id
        waiting = self._open[id]
        if waiting:
            return waiting.popleft()
        return self._last.get(id) or self._fitted(id, 0)

    def _fitted(self, id: str, time: int) -> str:
        """An id that is taken and stands for no other."""
        own = (id, time)
        attempt = 0
        found = id if time == 0 and self._taken.fullmatch(id) else self._made(own, attempt)
        while self._given.setdefault(found, own) != own:
            attempt += 1
            found = self._made(own, attempt)
        return found

    def _made(self, own: tuple[str, int], attempt: int) -> str:
        id, time = own
        text = f"{len(id)}:{id}:{time}:{attempt}"
        number = int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest(), "big")
        digits = []
        for _ in range(max(self._least, _HASHED)):
            number, place = divmod(number, len(_DIGITS))
            digits.append(_DIGITS[place])
        digest = "".join(digits)
        most = min(self._most or _MOST, _MOST)
        if self._chars == "alphanumeric":
            return digest[:most]
        kept = _OTHER.sub("_", id)[: most - len(digest) - 1]
        return f"{kept}_{digest}" if kept else digest[:most]

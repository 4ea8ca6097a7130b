"""Which tool call each piece of ``tool_calls`` belongs to.

OpenAI's rule is that ``index`` binds the pieces of a call. Others count differently: a new id in
every piece, one index for all calls, no index at all, the id and the name again in every piece.
Pieces go out as OpenAI writes them: an index of its own for each call, its id and its name once,
and arguments that are text.

    known index                          the call of that index,
    … a new id and a new name            but that begins another call
    … a new id and the same name         and so does that, once the call's arguments are whole
    … no id and a new name               and so does that, once there were arguments
    no index                             the call of that id; a name or a place behind another
                                         piece begins a call; else the one spoken of last
"""

import json
from typing import Any

from broker.dialects.wire import encode


class _Call:
    """A call so far. ``stable``: a piece of it came without a new id."""

    __slots__ = ("id", "index", "name", "spoken", "stable", "texts")

    def __init__(self, index: int) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self.texts: list[str] = []  # of the pieces before it was stable
        self.spoken = False  # whether there were arguments
        self.stable = False

    @property
    def whole(self) -> bool:
        """Whether the arguments are those of a call that has ended."""
        text = "".join(self.texts)
        self.texts = [text]
        if not text.rstrip().endswith("}"):
            return False
        try:
            return isinstance(json.loads(text), dict)
        except (ValueError, RecursionError):
            return False


class Binding:
    """The tool calls of one answer as they come."""

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}  # by the index they go out under
        self._by_key: dict[tuple[int, int], _Call] = {}  # by choice and index as they came
        self._by_index: dict[int, _Call] = {}  # the last under that index, in whatever choice
        self._by_id: dict[str, _Call] = {}
        self._last: _Call | None = None

    def bound(self, choice: int, pieces: Any) -> Any:
        """The pieces of a delta, mended; the same object if nothing had to be."""
        if isinstance(pieces, dict):
            return self.bound(choice, [pieces])
        if not isinstance(pieces, list):
            return pieces
        found = [
            self._bound(choice, place, piece) if isinstance(piece, dict) else piece
            for place, piece in enumerate(pieces)
        ]
        same = all(new is old for new, old in zip(found, pieces, strict=True))
        return pieces if same else found

    def _bound(self, choice: int, place: int, piece: dict[str, Any]) -> dict[str, Any]:
        function = _function(piece)
        id, name = _text(piece.get("id")), _text(function.get("name"))
        key = _index(piece.get("index"))
        call = self._call(choice, key, place, id, name)
        text = function.get("arguments")
        if text is not None and not isinstance(text, str):
            text = encode(text).decode()
        again = bool(id) and bool(call.id)
        call.stable = call.stable or (bool(call.id) and (not id or id == call.id))
        same_name = bool(name) and name == call.name
        if not call.id and id:
            call.id = id
            self._by_id.setdefault(id, call)
        if name and not same_name:
            call.name = name if name.startswith(call.name) else call.name + name
        if text:
            call.spoken = True
            if not call.stable:
                call.texts.append(text)
        self._last = call
        return _mended(piece, function, call, again=again, same_name=same_name, text=text)

    def _call(self, choice: int, key: int | None, place: int, id: str, name: str) -> _Call:
        known = self._known(choice, key, place, id, name)
        if known is not None and not _another(known, id, name):
            if key is not None:
                self._by_key[choice, key] = known
            return known
        index = key if key is not None and key >= 0 and key not in self._calls else None
        if index is None:
            index = max(self._calls, default=-1) + 1
        call = self._calls[index] = _Call(index)
        if key is not None:
            self._by_key[choice, key] = self._by_index[key] = call
        return call

    def _known(self, choice: int, key: int | None, place: int, id: str, name: str) -> _Call | None:
        if key is not None:
            known = self._by_key.get((choice, key))
            if known is None and id in self._by_id:
                return self._by_id[id]
            if known is None and not (id and name):
                return self._by_index.get(key)
            return known
        if id and id in self._by_id:
            return self._by_id[id]
        if (id and name) or (place > 0 and (id or name)):
            return None
        return self._last


def _another(call: _Call, id: str, name: str) -> bool:
    """Whether a piece under a call's index begins another call."""
    if not name or not call.name:
        return False
    if id and call.id and id != call.id:
        return name != call.name or call.stable or call.whole
    return name != call.name and call.spoken


def _mended(
    piece: dict[str, Any],
    function: dict[str, Any],
    call: _Call,
    *,
    again: bool,
    same_name: bool,
    text: str | None,
) -> dict[str, Any]:
    given = piece.get("function")
    plain = (given is function or (given is None and not function)) and (
        function.get("arguments") is text
    )
    placed = type(piece.get("index")) is int and piece["index"] == call.index
    if plain and placed and not again and not same_name:
        return piece
    found = {key: value for key, value in piece.items() if key not in ("name", "arguments")}
    found["index"] = call.index
    if again:
        del found["id"]
    if function or given is not None:
        inner = {key: value for key, value in function.items() if key not in ("name", "arguments")}
        if not same_name and function.get("name") is not None:
            inner["name"] = call.name
        if text is not None:
            inner["arguments"] = text
        found["function"] = inner
    return found


def _function(piece: dict[str, Any]) -> dict[str, Any]:
    """Name and arguments; some have them in the call itself."""
    function = piece.get("function")
    if isinstance(function, dict):
        return function
    return {key: piece[key] for key in ("name", "arguments") if piece.get(key) is not None}


def _index(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 9:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

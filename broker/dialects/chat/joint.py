"""The joint: how a later attempt's chunks go on from what an earlier one delivered.

Readers must see one answer: one id, one role, one finish, no text twice and none missing.
Two ways to get there:

    continue   the provider was given the delivered text and goes on from it: its chunks are
               taken as they are, under the first attempt's identity, its role left out;
    replay     the provider runs the whole request again: what it says is swallowed while it
               equals what was delivered, field by field, and what follows is taken, but
               only once nothing is owed any more: a replay that differs in the end must not
               have mixed its own text with the delivered one. The first difference ends the
               stream truthfully, for it can't be mended.

An attempt that had delivered nothing but a role is joined as a replay of nothing.
"""

from typing import Any

from broker.dialects.chat.fold import place_of
from broker.dialects.chat.owed import Object
from broker.dialects.chat.transcript import THOUGHTS, Transcript, says
from broker.dialects.chat.view import whole_chunk
from broker.dialects.dialect import Diverged, Mode
from broker.dialects.usage import add
from broker.dialects.wire import decode_object, encode
from broker.frames import Frame, Kind, data_frame, data_of


class _Begun:
    """A choice that a replay has to say again."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.finish = said.get("finish_reason")
        self.delta = Object(said.get("delta", {}), grow=True)
        rest = {key: said[key] for key in said if key not in ("delta", "finish_reason")}
        self.beside = Object(rest, grow=False)


class Joint:
    """Turns the data of a later attempt's chunks into the data that readers get.

    ``spent`` is what the attempts before it cost: their sum is the usage that readers see.
    """

    def __init__(self, said: Transcript, mode: Mode, spent: dict[str, Any] | None = None) -> None:
        self._spent = spent
        self._identity = said.identity
        self._mode = mode
        choices = said.choices
        self._roles = {  # choices whose role went out, or can't any more
            index for index, choice in choices.items() if choice.get("delta") or says(choice)
        }
        self._begun = {i: _Begun(said) for i, said in choices.items()} if mode == "replay" else {}
        self._held: list[bytes] = []  # new, but something is still owed
        self._paid = False

    def join(self, frame: Frame) -> list[Frame]:
        """See ``broker.dialects.dialect.Joint``."""
        data = data_of(frame.body)
        told = _chunks_of(data) if frame.kind == Kind.WHOLE else (data,)
        return [data_frame(_kind_of(chunk), chunk) for each in told for chunk in self.feed(each)]

    def feed(self, data: bytes) -> list[bytes]:
        """The chunks to write for a chunk of the new attempt, none if nothing is left of it.

        Raises:
            Diverged: a replay differs from what was delivered.
        """
        chunk = decode_object(data)
        if chunk is None:
            return [data]
        chunk.update({key: value for key, value in self._identity.items() if key in chunk})
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            chunk["usage"] = add(self._spent, usage)
        choices = chunk.get("choices")
        if choices and isinstance(choices, list):
            left = (self._left(choice, place) for place, choice in enumerate(choices))
            chunk["choices"] = [choice for choice in left if choice is not None]
            chunk.pop("obfuscation", None)  # it pads a delta that may be shorter now
            if not chunk["choices"] and (not usage or self.owes):
                return self._release()
        self._held.append(encode(chunk))
        return self._release()

    @property
    def owes(self) -> bool:
        """Whether a replay has not yet said again all that was delivered."""
        if not self._paid:
            begun = self._begun.values()
            self._paid = not any(each.delta.owes or each.beside.owes for each in begun)
        return not self._paid

    def end(self) -> None:
        """The attempt has said all it had to say.

        Raises:
            Diverged: a replay was shorter than what was delivered.
        """
        if self.owes:
            raise Diverged("it ends early")

    def _release(self) -> list[bytes]:
        if self.owes:
            return []
        held, self._held = self._held, []
        return held

    def _left(self, choice: Any, place: int) -> Any:
        """What is new of a choice; None if nothing is."""
        if not isinstance(choice, dict):
            return choice
        index = place_of(choice, place)
        delta = choice.get("delta")
        if isinstance(delta, dict) and "role" in delta:
            if index in self._roles:
                del delta["role"]
            self._roles.add(index)
        if self._mode == "continue":
            return _continued(choice, delta)
        begun = self._begun.get(index)
        return choice if begun is None else _replayed(choice, delta, begun, index)


def _chunks_of(answer: bytes) -> list[bytes]:
    """A whole answer as the chunks that end a stream: all it says, and its usage."""
    whole = decode_object(answer) or {}
    chunk = whole_chunk(whole, include_usage=False)
    usage = whole.get("usage")
    ending = [encode({**chunk, "choices": [], "usage": usage})] if usage else []
    return [encode(chunk), *ending]


def _kind_of(chunk: bytes) -> Kind:
    """A chunk's kind as its provider's decoder tells them apart."""
    if b'"usage":{' not in chunk or b'"choices":[{' in chunk:
        return Kind.DIALECT
    read = decode_object(chunk) or {}
    return Kind.USAGE if read.get("usage") and not read.get("choices") else Kind.DIALECT


def _continued(choice: dict[str, Any], delta: Any) -> dict[str, Any] | None:
    if isinstance(delta, dict):
        for key in THOUGHTS:
            delta.pop(key, None)  # the thoughts behind the text went out before it
        if any(delta.values()):
            return choice
    new = any(choice[key] for key in choice if key not in ("index", "delta"))
    return choice if new else None


def _replayed(
    choice: dict[str, Any], delta: Any, begun: _Begun, index: int
) -> dict[str, Any] | None:
    finish = choice.get("finish_reason")
    fresh = begun.delta.repay(delta) if isinstance(delta, dict) else None
    rest = {k: choice[k] for k in choice if k not in ("index", "delta", "finish_reason", "message")}
    beside = begun.beside.repay(rest)
    if begun.finish and (fresh or (finish and finish != begun.finish)):
        raise Diverged(f"choice {index} ends otherwise")
    if finish and begun.delta.owes:
        raise Diverged(f"choice {index} ends early")
    if begun.finish or not finish:
        finish = None
        if fresh is None and beside is None:
            return None
    return {"index": index, "delta": fresh or {}, **(beside or {}), "finish_reason": finish}

"""The joint: how a later attempt's chunks go on from what an earlier one delivered.

Readers must see one answer: one id, one role, one finish, no text twice and none missing.
Two ways to get there:

    continue   the provider was given the delivered text and goes on from it: its chunks are
               taken as they are, under the first attempt's identity, its role left out;
    replay     the provider runs the whole request again: what it says is swallowed while it
               equals what was delivered, text by text, and what follows is taken. The first
               difference ends the stream truthfully, for it can't be mended.

An attempt that had delivered nothing but a role is joined as a replay of nothing.
"""

from typing import Any, Literal

from broker.dialects.chat.transcript import TEXTS, Call, Said, Transcript
from broker.dialects.chat.wire import decode_object, encode

Mode = Literal["continue", "replay"]


class Diverged(Exception):
    """A replay said something else than what was delivered."""


class Joint:
    """Turns the data of a later attempt's chunks into the data that readers get."""

    def __init__(self, said: Transcript, mode: Mode) -> None:
        self._identity = said.identity
        self._mode = mode
        self._roles = set(said.choices)  # choices whose role went out
        # What a replay still has to repeat, by choice.
        self._owed: dict[int, Said] = said.choices if mode == "replay" else {}

    def feed(self, data: bytes) -> bytes | None:
        """The chunk to write for a chunk of the new attempt; None if nothing is left of it.

        Raises:
            Diverged: a replay differs from what was delivered.
        """
        chunk = decode_object(data)
        if chunk is None:
            return data
        chunk.update({key: value for key, value in self._identity.items() if key in chunk})
        choices = chunk.get("choices")
        if not choices:
            return encode(chunk)
        kept = [choice for choice in choices if not isinstance(choice, dict) or self._keep(choice)]
        if not kept:
            return None
        chunk["choices"] = kept
        chunk.pop("obfuscation", None)  # it pads a delta that may be shorter now
        return encode(chunk)

    def _keep(self, choice: dict[str, Any]) -> bool:
        """Cut a choice down to what is new; False if that is nothing."""
        index = choice.get("index") or 0
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._cut_role(index, delta)
            if self._mode == "continue":
                for key in ("reasoning_content", "reasoning"):
                    delta.pop(key, None)  # the thoughts behind the text went out before it
            elif index in self._owed:
                self._repay(self._owed[index], delta)
        finish = choice.get("finish_reason")
        if finish and index in self._owed and _owes(self._owed[index]):
            raise Diverged(f"choice {index} ends early")
        return bool(finish) or bool(isinstance(delta, dict) and any(delta.values()))

    def _cut_role(self, index: int, delta: dict[str, Any]) -> None:
        if "role" in delta:
            if index in self._roles:
                del delta["role"]
            self._roles.add(index)

    def _repay(self, owed: Said, delta: dict[str, Any]) -> None:
        for key in TEXTS:
            text = delta.get(key)
            if isinstance(text, str) and text:
                delta[key], owed.texts[key] = _swallow(text, owed.texts.get(key, ""), key)
                if not delta[key]:
                    del delta[key]
        parts = delta.get("tool_calls")
        if parts:
            delta["tool_calls"] = [
                part for place, part in enumerate(parts) if self._repay_call(owed, place, part)
            ]

    def _repay_call(self, owed: Said, place: int, part: dict[str, Any]) -> bool:
        """Cut a piece of a tool call down to what is new; False if that is nothing."""
        index = part.get("index")
        call = owed.calls.get(index if isinstance(index, int) else place)
        if call is None:
            return True
        function = part.get("function") or {}
        for key in ("id", "type"):  # a run mints ids of its own; the delivered one stands
            part.pop(key, None)
        name = function.pop("name", None)
        if name and name != call.name:
            raise Diverged("another tool is called")
        text = function.get("arguments")
        if text:
            function["arguments"], call.arguments = _swallow(text, call.arguments, "arguments")
        return bool(function.get("arguments"))


def _swallow(text: str, owed: str, what: str) -> tuple[str, str]:
    """(what is new of the text, what is still owed)."""
    if owed.startswith(text):
        return "", owed[len(text) :]
    if text.startswith(owed):
        return text[len(owed) :], ""
    raise Diverged(f"{what} differs")


def _owes(said: Said) -> bool:
    return any(said.texts.values()) or any(_unpaid(call) for call in said.calls.values())


def _unpaid(call: Call) -> bool:
    return bool(call.arguments)

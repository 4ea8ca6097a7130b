"""A caller of one dialect: it keeps the conversation as its clients do, and asks with it."""

import copy
import random
from typing import Any

from broker.dialects.responses.history import Turn, told_turns, written_out
from tests.histories.callers import chat, messages, responses
from tests.histories.drawing import Wishes
from tests.histories.turns import Result, User
from tests.vendors.rule import Vendor

Object = dict[str, Any]
_WRITTEN: dict[str, Any] = {"chat": chat, "messages": messages, "responses": responses}


class Caller:
    """``keeps``: whether it sends reasoning back, as whole clients do. ``names``, of responses: it
    names the response before in place of all that was said, and the broker writes that out."""

    def __init__(self, dialect: str, wishes: Wishes, *, keeps: bool, names: bool = False) -> None:
        self.dialect = dialect
        self.marks: list[str] = []  # words that every vendor must be told
        self.calls = 0  # made so far
        self._writer = _WRITTEN[dialect]
        self._wishes = wishes
        self._keeps = keeps
        self._turns: list[Object] = []
        self._names = names and dialect == "responses"
        self._before: list[Turn] = []  # what it names

    def request(self, vendor: Vendor | None = None) -> Object:
        """The next call, whole; to this vendor, where that makes a difference."""
        found = self._writer.request(self._wishes, self._turns)
        if self._names and vendor is not None:
            native = vendor.preset if vendor.dialect == self.dialect else None
            found = written_out(found, told_turns(self._before), self._turns, native)
        return copy.deepcopy(found)

    def ask(self, user: User) -> None:
        """The user says something; where turns of one role are one, behind the results."""
        turns = self._writer.user(user)
        last = self._turns[-1] if self._turns else {}
        if self.dialect == "messages" and last.get("role") == "user":
            last["content"] = [*_blocks(last["content"]), *_blocks(turns[0]["content"])]
        else:
            self._turns += turns
        self.marks += user.marks

    def instruct(self, text: str, mark: str) -> None:
        """A system message within the conversation."""
        self._turns += self._writer.system(text)
        self.marks.append(mark)

    def take(self, answer: Object, vendor: Vendor | None = None) -> list[tuple[str, str]]:
        """An answer comes in, of this vendor; gives the ids and names of its calls."""
        turns: list[Object]
        calls: list[tuple[str, str]]
        turns, calls = self._writer.answered(answer, self._keeps)
        if self._names and vendor is not None:
            self._before.append(Turn(vendor.preset or "", self._turns, answer["output"]))
            self._turns = []
        else:
            self._turns += turns
        self.calls += len(calls)
        return calls

    def give(self, results: list[Result]) -> None:
        """The results of all calls of the last answer."""
        self._turns += self._writer.results(results)
        self.marks += [mark for result in results for mark in result.marks]


def _blocks(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def draw_result(dice: random.Random, dialect: str, id: str, name: str, mark: str) -> Result:
    """What a tool gave: mostly a text, sometimes nothing, an error, or a picture."""
    kind = dice.choice(["text", "text", "text", "texts", "empty", "none", "error", "picture"])
    if kind == "picture" and (dialect == "chat" or dice.random() < 0.5):
        kind = "text"
    return Result(id, name, kind, mark)

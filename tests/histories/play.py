"""Plays one history and judges every request of it."""

import json
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from broker.errors import BadRequest, Unexpressible
from broker.settings.presets import PRESETS
from tests.histories.broker_side import Asked
from tests.histories.caller import Caller, draw_result
from tests.histories.drawing import draw_wishes
from tests.histories.foreseen import is_foreseen
from tests.histories.pairing import calls_and_results
from tests.histories.said import Said, draw_said, tools_in
from tests.histories.telling import events_of
from tests.histories.turns import User
from tests.vendors.claude_models import MODELS as CLAUDE
from tests.vendors.rule import Refusal, Vendor
from tests.vendors.table import vendors

CALLERS = ("chat", "messages", "responses")
PROVIDERS = ("chat", "messages", "responses", "gemini")
# Of a request in the caller's own dialect, which is passed on as it is, the caller answers for all
# but what vendors of other dialects have left in it.
_TRACES = (
    *("ids of calls", "ids apart", "signatures", "sealed reasoning", "whose signatures"),
    *("reasoning is followed", "reasoning that is not kept", "ids of items", "thinking first"),
    *("thoughts as they were", "thoughts of this conversation", "reasoning of calls"),
)
_SAID = ("blank texts", "nothing empty", "content")  # in a turn of the model
_TURN = re.compile(r"(messages|input)\[(\d+)\]")
_ENDS = ("the last turn", "the last turn's white space")
_REASONING = re.compile(r"messages\[\d+\]\.(reasoning(_content|_details)?|refusal)\b")
_ROUNDS = 7


@dataclass
class Report:
    """What became of some histories."""

    asked: Counter[str] = field(default_factory=Counter)  # requests by pair of dialects
    foreseen: Counter[str] = field(default_factory=Counter)  # refusals before the call, by path
    failovers: int = 0  # requests in the middle of a loop of calls that another vendor began
    gone_on: int = 0  # requests that go on from half an answer of another vendor
    wrong: list[str] = field(default_factory=list)


def _is_trace(refusal: Refusal, body: dict[str, Any]) -> bool:
    """Whether it is about what another vendor has left in a caller's own words."""
    if refusal.rule in _TRACES or _REASONING.search(refusal.at):
        return True
    turn = _TURN.match(refusal.at)
    said = turn is not None and body[turn[1]][int(turn[2])].get("role") == "assistant"
    return said and refusal.rule in _SAID


def goes_on(vendor: Vendor) -> bool:
    """Whether it goes on from a partial answer, as its preset or its documentation says."""
    assert vendor.preset is not None
    known = CLAUDE.get(vendor.model)
    return bool(PRESETS[vendor.preset].provider.prefill) or (known is not None and known.prefill)


class History:
    """One conversation, of a caller of one dialect; one vendor at least speaks ``provider``."""

    def __init__(self, seed: str, caller: str, provider: str, report: Report) -> None:
        self._name = f"{caller}-{provider}-{seed}"
        self._dice = random.Random(self._name)
        known = vendors()
        own = [each for each in known if each.dialect == provider]
        self._home = self._dice.choice(own)
        others = [each for each in known if each is not self._home]
        self._vendors = [self._home, *self._dice.sample(others, 3)]
        wishes = draw_wishes(self._dice, caller)
        self._caller = Caller(
            caller, wishes, keeps=self._dice.random() < 0.8, names=self._dice.random() < 0.2
        )
        self._loss = self._dice.random() < 0.15  # the operator lets all be lost that can be
        self._report = report
        self._marks = 0
        self._ids: dict[str, list[str]] = {}  # of calls, as each vendor was told them last
        self._before: Vendor | None = None
        self._calling = False

    def play(self) -> None:
        """To its end: some rounds, of which each is a call that is answered."""
        self._ask()
        for round_ in range(_ROUNDS):
            asked = self._answered_by(round_)
            if asked is None:
                return
            vendor, request = asked
            if self._calling and self._before not in (None, vendor):
                self._report.failovers += 1
            answer = self._answer(vendor, request, last=round_ == _ROUNDS - 1)
            calls = self._caller.take(answer, vendor)
            self._before, self._calling = vendor, bool(calls)
            if calls:
                self._give(calls)
            else:
                self._ask()

    def _give(self, calls: list[tuple[str, str]]) -> None:
        """The results of calls, and now and then a word of the user right behind them."""
        dice, dialect = self._dice, self._caller.dialect
        results = [draw_result(dice, dialect, id, name, self._mark()) for id, name in calls]
        self._caller.give(results)
        if dice.random() < 0.1:
            self._ask()

    def _instruct(self) -> None:
        """System messages within the conversation, where the caller's dialect has them."""
        for _ in range(self._dice.choice([1, 1, 2])):
            mark = self._mark()
            self._caller.instruct(f"From now on: {mark}.", mark)
            if self._caller.dialect == "messages":  # which has no two in a row
                return

    def _mark(self) -> str:
        self._marks += 1
        return f"mark{self._marks:03}x"

    def _ask(self) -> None:
        mark, dice = self._mark(), self._dice
        texts = [f"How is {mark}?"]
        if dice.random() < 0.1:
            texts = [dice.choice([" ", "\n"]), *texts]
        said = User(texts, [mark])
        said.picture = dice.random() < 0.08
        said.file = dice.random() < 0.03
        if dice.random() < 0.03:
            said.url = "https://pictures.example/a.png"
        if dice.random() < 0.05 and self._caller.dialect == "chat":
            said.name = "bob"
        if self._caller.dialect != "messages" and dice.random() < 0.1:
            self._instruct()
        self._caller.ask(said)
        if self._caller.dialect == "messages" and dice.random() < 0.1:
            self._instruct()

    def _answered_by(self, round_: int) -> tuple[Vendor, Asked] | None:
        """The vendor that takes the next call: a drawn one, then the others, as a route has it."""
        first = self._home if round_ == 0 else self._dice.choice([self._home, *self._vendors])
        if round_ > 0 and self._before is not None and self._dice.random() < 0.5:
            first = self._dice.choice([each for each in self._vendors if each is not self._before])
        for vendor in (first, *(each for each in self._vendors if each is not first)):
            request = self._caller.request(vendor)
            try:
                asked = Asked(self._caller.dialect, request, vendor, round_, loss=self._loss)
            except BadRequest as error:
                self._refused(vendor, error)
                continue
            self._judge(vendor, asked)
            if self._dice.random() < 0.2:
                self._lose(vendor, asked, round_)
            return vendor, asked
        return None

    def _lose(self, vendor: Vendor, asked: Asked, number: int) -> None:
        """The vendor is lost in the middle of a text; those that can go on are asked to."""
        word = f"half{number}x"
        said = Said(text=f"It begins, {word} so. ")
        events = events_of(self._dice, vendor, said, asked.body)
        some = next(n for n in range(1, len(events)) if word in json.dumps(events[:n]))
        going_on = asked.gone_on(events[:some])
        if going_on is None:
            return
        for other in self._vendors:
            if not goes_on(other):
                continue
            try:
                again = Asked(
                    *(self._caller.dialect, going_on, other, number),
                    loss=self._loss, partial=True,
                )  # fmt: skip
            except BadRequest as error:
                self._refused(other, error)
                continue
            self._report.gone_on += 1
            own = other.dialect == self._caller.dialect
            for refusal in other.refusals(again.body):
                if not own or refusal.rule in _ENDS or _is_trace(refusal, again.body):
                    self._wrong(other, f"going on: {refusal}")
            if word not in json.dumps(again.body):
                self._wrong(other, "going on: the partial answer is not told")

    def _refused(self, vendor: Vendor, error: BadRequest) -> None:
        losses = error.losses if isinstance(error, Unexpressible) else []
        paths = [loss.path for loss in losses] or [f"{error.param}: {error.message}"]
        for path in paths:
            self._report.foreseen[path] += 1
            if not is_foreseen(path):
                self._wrong(vendor, f"refused at {path}: {error.message}")

    def _judge(self, vendor: Vendor, asked: Asked) -> None:
        caller = self._caller.dialect
        own = vendor.dialect == caller
        self._report.asked[f"{caller} -> {vendor.dialect}"] += 1
        for refusal in vendor.refusals(asked.body):
            if not own or _is_trace(refusal, asked.body):
                self._wrong(vendor, str(refusal))
        text = json.dumps(asked.body, ensure_ascii=False)
        for mark in self._caller.marks:
            if mark not in text:
                self._wrong(vendor, f"{mark} is not told")
        self._check_ids(vendor, asked.body)

    def _check_ids(self, vendor: Vendor, body: dict[str, Any]) -> None:
        """Every call with its result, in order, and under the id that this vendor knows it by."""
        calls, results = calls_and_results(vendor.dialect, body)
        if len(calls) != self._caller.calls or sorted(calls) != sorted(results):
            self._wrong(vendor, f"of {self._caller.calls} calls {calls} with results {results}")
        known = self._ids.get(vendor.name, [])
        if calls[: len(known)] != known:
            self._wrong(vendor, f"calls were {known}, and are {calls[: len(known)]}")
        self._ids[vendor.name] = calls

    def _answer(self, vendor: Vendor, asked: Asked, *, last: bool) -> dict[str, Any]:
        tools = tools_in(vendor.dialect, asked.body)
        calling = bool(tools) and not last and self._dice.random() < 0.7
        said = draw_said(self._dice, vendor, tools, self._mark(), calling=calling)
        return asked.told(events_of(self._dice, vendor, said, asked.body))

    def _wrong(self, vendor: Vendor, what: str) -> None:
        self._report.wrong.append(f"[{self._name}] {vendor.name}: {what}")


def play(caller: str, provider: str, seeds: range, report: Report | None = None) -> Report:
    """The histories of a pair of dialects."""
    report = report or Report()
    for seed in seeds:
        History(str(seed), caller, provider, report).play()
    return report

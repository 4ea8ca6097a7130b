"""A rule of a vendor's API, and a vendor that judges by its rules."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Issued:
    """A signature: what it signs, by which model, and the request that it answers."""

    text: str = ""
    model: str = ""
    body: Body = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request as it was sent: its body, the model, and what the vendor has signed so far."""

    body: Body
    model: str
    issued: Mapping[str, Issued] = field(default_factory=dict)


Check = Callable[[Asked], Iterator[str]]  # gives the places that are at fault


@dataclass(frozen=True)
class Rule:
    """``words`` are the vendor's, as far as they are known; ``source`` is where the rule is from.

    ``models`` says of which models it holds, by their names; None: of all.
    """

    name: str
    words: str
    source: str
    check: Check
    models: Callable[[str], bool] | None = None


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: the rule, and where it is broken."""

    vendor: str
    rule: str
    at: str
    words: str
    source: str

    def __str__(self) -> str:
        return f"{self.vendor}: {self.rule} at {self.at}: {self.words}"


class Rules:
    """The rules of one API. ``add`` makes one of the function that checks it."""

    def __init__(self) -> None:
        self.all: list[Rule] = []

    def add(
        self, name: str, words: str, source: str, models: Callable[[str], bool] | None = None
    ) -> Callable[[Check], Check]:
        def added(check: Check) -> Check:
            self.all.append(Rule(name, words, source, check, models))
            return check

        return added


@dataclass
class Vendor:
    """One vendor and model. ``preset`` is the provider of the broker's presets that reaches it.

    What it signs in its answers is in ``issued``; it takes no other signature.
    """

    name: str
    dialect: str
    model: str
    rules: Sequence[Rule]
    preset: str | None = None
    issued: dict[str, Issued] = field(default_factory=dict)

    def refusals(self, body: Body) -> list[Refusal]:
        """All that is wrong with a request; it is taken if that is nothing."""
        asked = Asked(body, self.model, self.issued)
        return [
            Refusal(self.name, rule.name, at, rule.words, rule.source)
            for rule in self.rules
            if rule.models is None or rule.models(self.model)
            for at in rule.check(asked)
        ]


def listed(value: Any) -> list[Any]:
    """A list as it is; nothing for what is none."""
    return value if isinstance(value, list) else []


def objects(value: Any, where: str) -> Iterator[tuple[str, Body]]:
    """The objects of a list, each with its place."""
    for place, each in enumerate(listed(value)):
        if isinstance(each, dict):
            yield f"{where}[{place}]", each

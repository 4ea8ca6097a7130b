"""What a vendor says: drawn, and told in its own dialect's events."""

import json
import random
import string
from dataclasses import dataclass, field
from typing import Any

from tests.vendors.rule import Issued, Vendor

Events = list[dict[str, Any]]
_ALNUM = string.ascii_letters + string.digits


@dataclass
class Call:
    id: str
    name: str
    arguments: dict[str, Any]
    cut: bool = False  # at the greatest length, so that they are no JSON

    @property
    def text(self) -> str:
        text = json.dumps(self.arguments, ensure_ascii=False)
        return text[:-2] if self.cut else text


@dataclass
class Said:
    """One turn of a model. ``thought`` is readable reasoning; an empty one is sealed alone."""

    thought: str | None = None
    second: str | None = None  # another thought, between the text and the calls
    text: str = ""
    calls: list[Call] = field(default_factory=list)
    refusal: bool = False


def draw_said(
    dice: random.Random, vendor: Vendor, tools: list[str], word: str, *, calling: bool
) -> Said:
    """A turn; ``calling``: one that calls tools. ``word`` marks its texts and arguments."""
    said = Said()
    if dice.random() < 0.6:
        said.thought = dice.choice([f"Hm, {word}t.", f"Let me see: {word}t.\n\nThen on.", ""])
    if calling and tools:
        said.text = dice.choice(["", "", "\n\n", f"I look. {word}s"])
        if said.thought and vendor.dialect in ("messages", "responses") and dice.random() < 0.2:
            said.second = f"And {word}u."
        for number in range(dice.choice([1, 1, 1, 2, 3])):
            arguments: dict[str, Any] = dice.choice([{"port": f"{word}a"}, {"port": f"ø {word}a"}])
            if dice.random() < 0.2:
                arguments = {}
            name = dice.choice(tools)
            said.calls.append(Call(_id(dice, vendor, name, number), name, arguments))
        if vendor.dialect in ("chat", "responses") and dice.random() < 0.01:
            said.calls[-1].cut = bool(said.calls[-1].arguments)
        return said
    if vendor.name.startswith("openai") and dice.random() < 0.05:
        said.text, said.refusal, said.thought = f"I can't. {word}s", True, None
        return said
    said.text = dice.choice([f"The tide. {word}s", f"So {word}s\n\nis it. ", f"{word}s"])
    if dice.random() < 0.04:
        said.text = dice.choice([" ", "\n"])
    if dice.random() < 0.03 and vendor.preset in ("google", "vllm", "anthropic"):
        said.text = ""
    return said


def _id(dice: random.Random, vendor: Vendor, name: str, number: int) -> str:
    def letters(count: int, of: str = _ALNUM) -> str:
        return "".join(dice.choice(of) for _ in range(count))

    match vendor.preset:
        case "anthropic":
            return f"toolu_01{letters(22)}"
        case "google":
            return dice.choice(["", letters(8), f"function-call-{dice.randrange(10**19)}"])
        case "mistral":
            return letters(9)
        case "deepseek":
            return f"call_{number:02}_{letters(20)}"
        case "groq":
            return dice.choice(
                [f"fc_{letters(36, '0123456789abcdef-')}", f"functions.{name}:{number}"]
            )
        case "vllm":
            return dice.choice(
                [
                    f"chatcmpl-tool-{letters(32, '0123456789abcdef')}",
                    f"functions.{name}:{number}",
                    f"functions.{name}/{number}|{letters(4)}",
                    f"call_{number}",
                    letters(100, _ALNUM + "._:/+="),
                ]
            )
        case _:
            return f"call_{letters(24)}"


def signature_of(dice: random.Random, vendor: Vendor, text: str, body: dict[str, Any]) -> str:
    """A new signature of this vendor, which it knows again, in its answer to a request."""
    found = "".join(dice.choice(_ALNUM) for _ in range(40)) + "=="
    vendor.issued[found] = Issued(text, vendor.model, body)
    return found


def tools_in(dialect: str, body: dict[str, Any]) -> list[str]:
    """The names of the tools that a vendor was offered."""
    found = []
    for tool in body.get("tools") or ():
        inner = tool.get("functionDeclarations") or [tool.get("function") or tool]
        found += [each["name"] for each in inner]
    return found

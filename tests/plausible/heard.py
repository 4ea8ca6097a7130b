"""What a caller hears: answers read by the public descriptions of each dialect, and no further.

Whatever a client of that dialect would stumble over is a fault: an index that is none, a call
without a name, a delta behind the end.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.plausible.answer import Counts

Object = dict[str, Any]


@dataclass
class Heard:
    """An answer as it was understood. ``reason`` is in the dialect's own words.

    ``calls`` are ids, names and arguments, which are an object if they are its JSON.
    """

    text: str = ""
    thoughts: str = ""
    refusal: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    reason: str | None = None
    usage: Object | None = None
    faults: list[str] = field(default_factory=list)
    flat: bool = False  # whether thoughts came as plain text

    def demand(self, held: object, fault: str) -> None:
        if not held:
            self.faults.append(fault)

    def called(self, id: Any, name: Any, arguments: Any) -> None:
        """Take a call; ``arguments`` is the JSON text of them."""
        self.demand(isinstance(id, str) and id, "a call without an id")
        self.demand(isinstance(name, str) and name, "a call without a name")
        self.calls.append((str(id), str(name), self.parsed(arguments)))

    def parsed(self, arguments: Any) -> Any:
        """What the text of some arguments is."""
        if not isinstance(arguments, str):
            self.faults.append("arguments that are no text")
            return arguments
        try:
            found = json.loads(arguments)
        except ValueError:
            self.faults.append("arguments that are no JSON")
            return arguments
        self.demand(isinstance(found, dict), "arguments that are no object")
        return found


def joined(text: str) -> str:
    """A text with halves of a character that met as one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def number(value: Any) -> int:
    """A figure; 0 if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def counts_of(caller: str, usage: Object) -> Counts:
    """A caller's figures in common terms."""
    if caller == "messages":
        details = usage.get("output_tokens_details") or {}
        read = number(usage.get("cache_read_input_tokens"))
        made = number(usage.get("cache_creation_input_tokens"))
        return Counts(
            number(usage.get("input_tokens")) + read + made,
            number(usage.get("output_tokens")),
            read,
            number(details.get("thinking_tokens")),
        )
    words = ("prompt_tokens", "completion_tokens")
    words = words if caller == "chat" else ("input_tokens", "output_tokens")
    asked = usage.get(f"{words[0]}_details") or {}
    told = usage.get(f"{words[1]}_details") or {}
    return Counts(
        number(usage.get(words[0])),
        number(usage.get(words[1])),
        number(asked.get("cached_tokens")),
        number(told.get("reasoning_tokens")),
    )


def contradictions(caller: str, usage: Object) -> list[str]:
    """What of some figures can't be true at once."""
    counts = counts_of(caller, usage)
    found = []
    if min(counts) < 0:
        found.append("usage: less than nothing")
    if counts.reasoning > counts.completion:
        found.append("usage: more reasoning than output")
    if counts.cached > counts.prompt:
        found.append("usage: more from the cache than there was")
    if "total_tokens" in usage and usage["total_tokens"] != counts.prompt + counts.completion:
        found.append("usage: a total that is none")
    return found

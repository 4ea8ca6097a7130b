"""How a draft is written: SSE with its freedoms, or JSON; the same ones for every dialect."""

import json
from typing import Any

from tests.plausible.shape import STREAM, WHOLE, Draft, Shapes

WIRE = Shapes("wire")
_NAMED = ("messages", "responses")  # whose events bear their types as names


def written(draft: Draft, dialect: str) -> bytes:
    """The body of an answer."""
    manner = draft.manner
    if draft.form == "whole":
        return (draft.text or json.dumps(draft.whole, indent=manner.get("indent"))).encode()
    named = dialect in _NAMED and not manner.get("bare")
    eol = manner.get("eol", "\n")
    text = "".join(_event(each, draft, named).replace("\n", eol) for each in draft.events)
    return f"{manner.get('mark', '')}{text}".encode()


def _event(event: Any, draft: Draft, named: bool) -> str:
    manner, drawn = draft.manner, draft.drawn
    ascii = drawn.random() < 0.5 or draft.surrogates
    data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=ascii)
    if manner.get("lines") and isinstance(event, dict):
        data = json.dumps(event, ensure_ascii=ascii, indent=1)
    field = "data:" if manner.get("tight") else "data: "
    lines = [field + line for line in data.split("\n")]
    if manner.get("comments") and drawn.random() < 0.5:
        lines.insert(0, drawn.choice((": keep-alive", ":", ": OPENROUTER PROCESSING\n")))
    if manner.get("ids"):
        lines.insert(0, f"id: {drawn.randrange(99)}\nretry: 10")
    if named and isinstance(event, dict) and "type" in event:
        lines.insert(0, f"event: {event['type']}")
    elif manner.get("named") and isinstance(event, dict):
        lines.insert(0, "event: message")
    return "\n".join(lines) + "\n\n"


@WIRE.add("comments among the events", "OpenRouter, proxies", "comments", forms=STREAM)
def comments(draft: Draft) -> None:
    draft.manner["comments"] = True


@WIRE.add("lines end in CRLF", "relays in C#, Google", "eol", forms=STREAM)
def crlf(draft: Draft) -> None:
    draft.manner["eol"] = "\r\n"


@WIRE.add("no blank behind the colon", "relays in Java", "colon", forms=STREAM)
def tight(draft: Draft) -> None:
    draft.manner["tight"] = True


@WIRE.add("JSON over several lines", "relays in Java", "lines", forms=STREAM)
def lines(draft: Draft) -> None:
    draft.manner["lines"] = True


@WIRE.add("ids and retry times", "relays in Node", "ids of events", forms=STREAM)
def ids(draft: Draft) -> None:
    draft.manner["ids"] = True


@WIRE.add("no names of events", "relays", "names of events", forms=STREAM)
def bare(draft: Draft) -> None:
    draft.manner["bare"] = True


@WIRE.add("a byte order mark", "relays in C#", "mark", forms=STREAM)
def mark(draft: Draft) -> None:
    draft.manner["mark"] = "\ufeff"


@WIRE.add("JSON with line ends", "relays in Python", "lines", forms=WHOLE)
def indented(draft: Draft) -> None:
    draft.manner["indent"] = 2

"""Recorded requests of real clients: how they are kept, and how one is made.

A recording is what a client sent, with its keys, types, flags, tools' names and schemas as they
were. Its texts are not: system prompts, descriptions and reminders are somebody's work, and may
name a machine. ``stripped`` puts words of ours in their place, and makes ids and dates up.

To record a client, run it against a proxy that keeps its requests, in an empty home, with a prompt
of our own, and then::

    python -m tests.clients.recording CLIENT VERSION < REQUEST.json > tests/clients/NAME.json

where ``REQUEST.json`` has ``path``, ``headers`` and ``body``.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import msgspec

FOLDER = Path(__file__).parent
HEADERS = ("anthropic-beta", "anthropic-version", "user-agent", "openai-beta", "originator")
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32,}")
_PROSE = ("text", "description", "title", "instructions", "pattern")
_KEPT = ("Say hi", "CALL ", "SAY ")  # of prompts that are ours
_PLAIN = re.compile(r"[\w.:*+-]{1,64}")  # a word of a protocol, and no prose


class Recording(msgspec.Struct, frozen=True):
    """One request, and what made it."""

    client: str
    version: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def dialect(self) -> str:
        """The dialect that it speaks."""
        kinds = {"/messages": "messages", "/responses": "responses"}
        return next((kind for end, kind in kinds.items() if self.path.endswith(end)), "chat")


def recordings() -> dict[str, Recording]:
    """All that are kept, by their names."""
    files = sorted(FOLDER.glob("*.json"))
    return {file.stem: msgspec.json.decode(file.read_bytes(), type=Recording) for file in files}


def stripped(value: Any, key: str = "") -> Any:
    """A part of a request without its texts, ids and dates."""
    match value:
        case dict():
            return {name: stripped(each, name) for name, each in value.items()}
        case list():
            return [stripped(each, key) for each in value]
        case str():
            return _stripped(value, key)
    return value


def _stripped(text: str, key: str) -> str:
    if key == "model":
        return "a-model"
    if key == "$schema":
        return text
    if key == "user_id":  # JSON in a string
        return _ID.sub(lambda found: "0" * len(found[0]), text)
    if any(word in text and len(text) < 400 for word in _KEPT):
        return text
    if key in _PROSE or not _PLAIN.fullmatch(text):
        return f"{len(text)} characters of {key or 'text'}."
    return _ID.sub(lambda found: "0" * len(found[0]), text)


def main() -> None:
    """Strip a request on stdin."""
    client, version = sys.argv[1:]
    taken = json.load(sys.stdin)
    found = Recording(
        client=client,
        version=version,
        path=taken["path"].partition("?")[0],
        headers={name: taken["headers"][name] for name in HEADERS if name in taken["headers"]},
        body=stripped(taken["body"]),
    )
    print(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())


if __name__ == "__main__":
    main()

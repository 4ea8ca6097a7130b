"""What a client is to the runner: how it is configured and called, and what it is asked to do."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

NOTE = "note.txt"  # what a turn is to read, with a word that is in no prompt
MADE = "made.txt"  # what a turn is to leave behind: one line
LINE = "done"
KEY = "YOUR_KEY"  # no account asks for one here; the clients do


class Place(msgspec.Struct, frozen=True):
    """One run's throw-away home and folder, and what the client is to speak to."""

    home: Path
    work: Path
    programs: Path  # the folder of the client's own programs
    url: str  # of the API, without /v1
    model: str
    small: str  # the model for titles and the like
    headers: Mapping[str, str]  # to be sent with every call
    prompt: str
    transport: bool = False  # a framework's: our transport is to be beneath it

    def write(self, path: str, text: str) -> Path:
        """Write a file into the home."""
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


class Call(msgspec.Struct, frozen=True):
    """A command and what it finds in its environment, beside HOME and PATH.

    ``env`` and the files that were written are what docs/agents.md has; ``quiet`` is what
    only a test wants: no telemetry, no updates, nothing asked of the user.
    """

    words: list[str]
    env: dict[str, str] = {}
    quiet: dict[str, str] = {}
    told: str = ""  # on its standard input


class Client(msgspec.Struct, frozen=True):
    """One client. ``surface`` is the dialect that it speaks here."""

    name: str
    surface: str
    prepare: Callable[[Place], Call]
    prompt: str
    turns: int = 2  # calls that the whole takes
    reads: bool = True  # the note's word comes back in the last answer
    # Why a retry joins nothing: "" where it does, as what it sends again is the same request.
    apart: str = ""
    retries: bool = True  # a stream that was cut; else a user has to say it again
    framework: bool = False  # no program of its own
    transports: bool = True  # a framework's: it has a place for our transport


def calling(tool: str, argument: str = "command", **more: object) -> str:
    """The prompt that has a client run a command by its tool of this name."""
    command = f"echo {LINE} >> {MADE}; cat {NOTE}"
    return f"Do this, please.\nCALL {tool} {json.dumps({argument: command, **more})}\n"


def editing() -> str:
    """The prompt for a client without tools that takes whole files out of the text."""
    answer = f"{MADE}\n```\n{LINE}\n```\n"
    return f"Make the file, please.\nSAY {json.dumps(answer)}\n"


def saying() -> str:
    """The prompt for dspy, whose answers are fields between marks of its own."""
    answer = f"[[ ## answer ## ]]\n{LINE}\n\n[[ ## completed ## ]]"
    return f"What is it, please?\nSAY {json.dumps(answer)}\n"

"""What real clients send reaches every provider: recorded requests, and the table of hints."""

import copy
import json
import re
from typing import Any

import pytest

from broker.dialects import hints
from broker.dialects.hints import HINTS
from broker.dialects.hints.hint import Hint
from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import translate_request
from broker.errors import Unexpressible
from tests.clients.recording import Recording, recordings, stripped

PROVIDERS = ("chat", "messages", "responses", "gemini")
RECORDINGS = recordings()
MACHINE = re.compile(r"/(root|home|tmp|Users)\b|[0-9a-f]{8}-[0-9a-f]{4}-|localhost|127\.0\.0")


def translated(body: dict[str, Any], caller: str, provider: str) -> dict[str, Any]:
    terms = Terms(drop=("web_search",))  # Codex offers it always
    return translate_request(copy.deepcopy(body), caller, provider, "theirs", terms=terms)


def names_of(tools: list[dict[str, Any]]) -> list[str]:
    """The names of tools, as each dialect has them; a namespace's with its own in front."""
    found: list[str] = []
    for tool in tools:
        if tool.get("type") == "namespace":
            found += [f"{tool['name']}__{each['name']}" for each in tool["tools"]]
            continue
        if tool.get("type") == "web_search":
            continue
        inner = tool.get("functionDeclarations") or [tool.get("function") or tool]
        found += [each["name"] for each in inner]
    return found


def texts_of(value: Any) -> list[str]:
    match value:
        case dict():
            return [text for each in value.values() for text in texts_of(each)]
        case list():
            return [text for each in value for text in texts_of(each)]
        case str():
            return [value]
    return []


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_turn_reaches_every_provider(name: str, provider: str) -> None:
    recording = RECORDINGS[name]
    if recording.dialect == provider:
        pytest.skip("nothing is translated")
    theirs = translated(recording.body, recording.dialect, provider)
    asked = names_of(recording.body["tools"])
    assert names_of(theirs["tools"]) == asked
    said = json.dumps(theirs)
    for turn in recording.body.get("messages") or recording.body["input"]:
        for text in texts_of(turn["content"]):
            if len(text) > 12:  # longer than any type
                assert text in said
    if recording.dialect == "messages":
        user = theirs.get("user") or ""
        assert len(user) == (0 if provider == "gemini" else 64)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_has_no_texts_of_others_and_no_machine(name: str) -> None:
    recording: Recording = RECORDINGS[name]
    assert not MACHINE.search(json.dumps(recording.body))
    longest = max(len(text) for text in texts_of(recording.body))
    assert longest < 400


def base(dialect: str) -> dict[str, Any]:
    if dialect == "responses":
        return {
            "model": "m",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        }
    return {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "thinking": {"type": "adaptive"},
    }


def at(dialect: str, path: str, value: Any) -> dict[str, Any]:
    """A request of this dialect with this value at this path."""
    body = base(dialect)
    *steps, last = path.replace("[]", ".0").removesuffix("*").split(".")
    inner: Any = body
    for step in steps:
        inner = inner[int(step)] if step.isdecimal() else inner.setdefault(step, {})
    inner[last + ("x" if path.endswith("*") else "")] = value
    return body


LEFT_OUT = [hint for hint in HINTS if hint.dialect != "chat" and hint.then == "left out"]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("hint", LEFT_OUT, ids=lambda hint: f"{hint.dialect}:{hint.path}")
def test_a_row_lets_its_hint_through_and_nothing_else_does(
    hint: Hint, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = hint.dialect
    if provider == caller:
        pytest.skip("nothing is translated")
    body = at(caller, hint.path, hint.values[0] if hint.values else {"x": 1})
    assert translated(body, caller, provider) == translated(base(caller), caller, provider)
    monkeypatch.setattr(hints, "_of", lambda _dialect: ())
    with pytest.raises(Unexpressible) as caught:
        translated(body, caller, provider)
    assert hints.pattern_of(str(caught.value.param)) == hint.path.replace("*", "x")


def test_what_is_recorded_is_stripped() -> None:
    said = {"text": "A prompt of theirs.", "type": "text", "cwd": "/home/me", "id": "a" * 40}
    asked = {"model": "x/y", "messages": [said], "n": 1, "user_id": '{"d":"%s"}' % ("f" * 64)}
    assert stripped(asked) == {
        "model": "a-model",
        "messages": [
            {
                "text": "19 characters of text.",
                "type": "text",
                "cwd": "8 characters of cwd.",
                "id": "0" * 40,
            }
        ],
        "n": 1,
        "user_id": '{"d":"%s"}' % ("0" * 64),
    }
    assert stripped("Say hi", "text") == "Say hi"

"""Callers of chat."""

from typing import Any

from tests.histories.drawing import PDF, PICTURE, Wishes
from tests.histories.turns import Result, User

Object = dict[str, Any]
_PLAIN = ("role", "content", "refusal", "tool_calls")


def request(wishes: Wishes, turns: list[Object]) -> Object:
    """A request with these turns."""
    system = [{"role": "system", "content": wishes.system}] if wishes.system else []
    if system and wishes.twice:
        system.append({"role": "developer", "content": "Speak of tides alone."})
    found: Object = {"model": "public", "messages": [*system, *turns]}
    if wishes.tools:
        found["tools"] = [
            {"type": "function", "function": _without_none({"name": tool.name,
             "description": tool.about, "parameters": tool.schema, "strict": tool.strict})}
            for tool in wishes.tools
        ]  # fmt: skip
    choice: Any = wishes.choice
    if choice not in (None, "auto", "none", "required"):
        choice = {"type": "function", "function": {"name": choice}}
    output: Any = None
    if wishes.output == "json":
        output = {"type": "json_object"}
    elif wishes.output is not None:
        output = {"type": "json_schema", "json_schema": {"name": "tide", "schema": wishes.output}}
    return found | _without_none(
        {
            "tool_choice": choice,
            "parallel_tool_calls": wishes.parallel,
            "reasoning_effort": wishes.effort,
            "temperature": wishes.temperature,
            "top_p": wishes.top_p,
            "max_completion_tokens": wishes.limit,
            "stop": wishes.stop or None,
            "response_format": output,
            "user": wishes.user,
            "seed": wishes.seed,
            "verbosity": wishes.verbosity,
        }
    )


def user(said: User) -> list[Object]:
    """A turn of the user."""
    parts: list[Object] = [{"type": "text", "text": text} for text in said.texts]
    if said.picture:
        url = {"url": f"data:image/png;base64,{PICTURE}"}
        parts.append({"type": "image_url", "image_url": url})
    if said.url:
        parts.append({"type": "image_url", "image_url": {"url": said.url, "detail": "low"}})
    if said.file:
        file = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
        parts.append({"type": "file", "file": file})
    content: Any = parts[0]["text"] if len(parts) == 1 else parts
    return [_without_none({"role": "user", "content": content, "name": said.name})]


def system(text: str) -> list[Object]:
    """A system message in its place."""
    return [{"role": "system", "content": text}]


def answered(answer: Object, keeps: bool) -> tuple[list[Object], list[tuple[str, str]]]:
    """What is kept of an answer, and its calls."""
    message = answer["choices"][0]["message"]
    calls = message.get("tool_calls") or []
    if not keeps:
        message = {key: message[key] for key in _PLAIN if message.get(key) is not None}
        if not calls:
            message.setdefault("content", "")
    return [message], [(call["id"], call["function"]["name"]) for call in calls]


def results(given: list[Result]) -> list[Object]:
    """The results of calls."""
    found = []
    for each in given:
        content: Any = each.text
        if each.kind == "texts":
            content = [{"type": "text", "text": each.text}, {"type": "text", "text": "So."}]
        found.append({"role": "tool", "tool_call_id": each.id, "content": content})
    return found


def _without_none(fields: Object) -> Object:
    return {key: value for key, value in fields.items() if value is not None}

"""Callers of responses, who let nothing be kept for them."""

from typing import Any

from tests.histories.drawing import PDF, PICTURE, Wishes
from tests.histories.turns import Result, User

Object = dict[str, Any]


def request(wishes: Wishes, turns: list[Object]) -> Object:
    """A request with these turns as its input."""
    found: Object = {"model": "public", "input": turns, "store": False}
    if wishes.tools:
        found["tools"] = [
            {"type": "function", "name": tool.name, "parameters": tool.schema,
             "strict": bool(tool.strict)} | _without_none({"description": tool.about})
            for tool in wishes.tools
        ]  # fmt: skip
    choice: Any = wishes.choice
    if choice not in (None, "auto", "none", "required"):
        choice = {"type": "function", "name": choice}
    text: Object = {}
    if wishes.output == "json":
        text["format"] = {"type": "json_object"}
    elif wishes.output is not None:
        text["format"] = {"type": "json_schema", "name": "tide", "schema": wishes.output}
    if wishes.verbosity:
        text["verbosity"] = wishes.verbosity
    return found | _without_none(
        {
            "instructions": wishes.system,
            "tool_choice": choice,
            "parallel_tool_calls": wishes.parallel,
            "reasoning": wishes.effort and {"effort": wishes.effort, "summary": "auto"},
            "include": ["reasoning.encrypted_content"] if wishes.effort else None,
            "temperature": wishes.temperature,
            "top_p": wishes.top_p,
            "max_output_tokens": wishes.limit,
            "text": text or None,
            "user": wishes.user,
        }
    )


def user(said: User) -> list[Object]:
    """A turn of the user."""
    parts: list[Object] = [{"type": "input_text", "text": text} for text in said.texts]
    if said.picture:
        url = f"data:image/png;base64,{PICTURE}"
        parts.append({"type": "input_image", "image_url": url, "detail": "auto"})
    if said.url:
        parts.append({"type": "input_image", "image_url": said.url, "detail": "low"})
    if said.file:
        data = f"data:application/pdf;base64,{PDF}"
        parts.append({"type": "input_file", "filename": "a.pdf", "file_data": data})
    content: Any = parts[0]["text"] if len(parts) == 1 else parts
    return [{"type": "message", "role": "user", "content": content}]


def system(text: str) -> list[Object]:
    """A developer's message in its place."""
    return [{"type": "message", "role": "developer", "content": text}]


def answered(answer: Object, keeps: bool) -> tuple[list[Object], list[tuple[str, str]]]:
    """What is kept of an answer, and its calls."""
    items = [item for item in answer["output"] if keeps or item["type"] != "reasoning"]
    calls = [(item["call_id"], item["name"]) for item in items if item["type"] == "function_call"]
    return items, calls


def results(given: list[Result]) -> list[Object]:
    """The results of calls, an item each."""
    found = []
    for each in given:
        output: Any = each.text
        if each.kind in ("texts", "picture"):
            second: Object = {"type": "input_text", "text": "So."}
            if each.kind == "picture":
                url = f"data:image/png;base64,{PICTURE}"
                second = {"type": "input_image", "image_url": url, "detail": "auto"}
            output = [{"type": "input_text", "text": each.text}, second]
        found.append({"type": "function_call_output", "call_id": each.id, "output": output})
    return found


def _without_none(fields: Object) -> Object:
    return {key: value for key, value in fields.items() if value is not None}

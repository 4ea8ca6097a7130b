"""Callers of messages."""

from typing import Any

from tests.histories.drawing import PDF, PICTURE, Wishes
from tests.histories.turns import Result, User

Object = dict[str, Any]
_SOURCE = {"type": "base64", "media_type": "image/png", "data": PICTURE}
_CHOICES = {"required": "any", "auto": "auto", "none": "none"}


def request(wishes: Wishes, turns: list[Object]) -> Object:
    """A request with these turns."""
    found: Object = {"model": "public", "max_tokens": wishes.limit, "messages": turns}
    if wishes.tools:
        found["tools"] = [
            {"name": tool.name, "input_schema": tool.schema}
            | _without_none({"description": tool.about, "strict": tool.strict})
            for tool in wishes.tools
        ]
    choice: Object | None = None
    if wishes.choice is not None:
        kind = _CHOICES.get(wishes.choice)
        choice = {"type": kind} if kind else {"type": "tool", "name": wishes.choice}
        if wishes.parallel is not None and kind != "none":
            choice["disable_parallel_tool_use"] = not wishes.parallel
    thinking: Object | None = None
    if wishes.off:
        thinking = {"type": "disabled"}
    elif wishes.budget is not None:
        thinking = {"type": "enabled", "budget_tokens": wishes.budget}
    elif wishes.effort is not None:
        thinking = {"type": "adaptive"}
    schema = wishes.output if isinstance(wishes.output, dict) else None
    output = _without_none(
        {
            "effort": wishes.effort,
            "format": schema and {"type": "json_schema", "schema": schema},
        }
    )
    return found | _without_none(
        {
            "system": wishes.system,
            "tool_choice": choice,
            "thinking": thinking,
            "output_config": output or None,
            "temperature": wishes.temperature,
            "top_p": wishes.top_p,
            "top_k": wishes.top_k,
            "stop_sequences": wishes.stop or None,
            "metadata": None if wishes.user is None else {"user_id": wishes.user},
        }
    )


def user(said: User) -> list[Object]:
    """A turn of the user; it joins one of results that stands before it."""
    blocks: list[Object] = [{"type": "text", "text": text} for text in said.texts if text.strip()]
    if said.picture:
        blocks.append({"type": "image", "source": _SOURCE})
    if said.url:
        blocks.append({"type": "image", "source": {"type": "url", "url": said.url}})
    if said.file:
        source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
        blocks.append({"type": "document", "source": source, "title": "a.pdf"})
    if len(blocks) == 1 and blocks[0]["type"] == "text":
        return [{"role": "user", "content": blocks[0]["text"]}]
    return [{"role": "user", "content": blocks}]


def system(text: str) -> list[Object]:
    """A system turn."""
    return [{"role": "system", "content": text}]


def answered(answer: Object, keeps: bool) -> tuple[list[Object], list[tuple[str, str]]]:
    """What is kept of an answer, and its calls; an empty answer is not kept."""
    blocks = answer["content"]
    if not keeps:
        blocks = [block for block in blocks if "thinking" not in block["type"]]
    calls = [(block["id"], block["name"]) for block in blocks if block["type"] == "tool_use"]
    return ([{"role": "assistant", "content": blocks}] if blocks else []), calls


def results(given: list[Result]) -> list[Object]:
    """The results of calls, one turn of the user."""
    blocks = []
    for each in given:
        block: Object = {"type": "tool_result", "tool_use_id": each.id}
        match each.kind:
            case "none":
                pass
            case "empty":
                block["content"] = []
            case "texts" | "picture":
                second: Object = {"type": "text", "text": "So."}
                if each.kind == "picture":
                    second = {"type": "image", "source": _SOURCE}
                block["content"] = [{"type": "text", "text": each.text}, second]
            case "error":
                block |= {"content": each.text, "is_error": True}
            case _:
                block["content"] = each.text
        blocks.append(block)
    return [{"role": "user", "content": blocks}]


def _without_none(fields: Object) -> Object:
    return {key: value for key, value in fields.items() if value is not None}

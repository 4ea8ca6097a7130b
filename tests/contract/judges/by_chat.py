"""The OpenAI SDK over chat completions: chunk by chunk, by its helper, and whole."""

from typing import Any

import openai
from openai import AsyncOpenAI
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionMessage

from tests.contract.judges import tools
from tests.contract.judges.answer import Heard, parsed


def _asked(model: str, prompt: str, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": prompt}]
    return {"model": model, "messages": said, "tools": tools.chat(), **more}


def _streamed(model: str, prompt: str) -> dict[str, Any]:
    return _asked(model, prompt, stream_options={"include_usage": True})


async def events(sdk: AsyncOpenAI, model: str, prompt: str, *, strict: bool = True) -> Heard:
    """Every chunk. ``strict``: one id, one role, one finish and nothing behind it."""
    heard = Heard()
    reasons: list[str] = []
    roles: list[str] = []
    calls: dict[int, list[str]] = {}
    ids: set[str] = set()
    details = ""
    try:
        stream = await sdk.chat.completions.create(**_streamed(model, prompt), stream=True)
        async for chunk in stream:
            ids.add(chunk.id)
            if chunk.usage is not None:
                assert not heard.counts or not strict, "counted twice"
                heard.counts = _counts(chunk.usage)
            for choice in chunk.choices:
                assert not reasons or not strict, "a choice goes on after its finish"
                assert choice.index == 0
                roles += filter(None, [choice.delta.role])
                reasons += filter(None, [choice.finish_reason])
                _take(heard, calls, choice.delta)
                details += _details(choice.delta)
    except openai.APIError as error:
        _failed(heard, error)
    if strict:
        assert len(ids) <= 1
        assert roles == ["assistant"] or (not roles and heard.error)
        assert len(reasons) == (0 if heard.error else 1)
    heard.thoughts = heard.thoughts or details
    heard.reason = reasons[-1] if reasons else None
    heard.calls = [(id, name, parsed(written)) for id, name, written in calls.values()]
    return heard


def _take(heard: Heard, calls: dict[int, list[str]], delta: Any) -> None:
    heard.text += delta.content or ""
    heard.refusal = (heard.refusal or "") + (delta.refusal or "")
    heard.thoughts = (heard.thoughts or "") + _thoughts(delta)
    for call in delta.tool_calls or ():
        if call.index not in calls:
            assert call.id
            assert call.function.name
            assert call.index == len(calls)
            calls[call.index] = [call.id, call.function.name, ""]
        else:
            assert call.id in (None, "", calls[call.index][0])
        calls[call.index][2] += call.function.arguments or ""


def _thoughts(said: Any) -> str:
    more = said.model_extra or {}
    return more.get("reasoning_content") or more.get("reasoning") or ""


def _details(said: Any) -> str:
    """Thoughts in a list of pieces, which may repeat what came as plain text."""
    pieces = (said.model_extra or {}).get("reasoning_details") or ()
    return "".join(each.get("text") or "" for each in pieces)


async def helper(sdk: AsyncOpenAI, model: str, prompt: str) -> Heard:
    """What ``chat.completions.stream`` makes of it.

    It parses what it is given in the end, and raises at answers that are cut: so its snapshot is
    taken, and no tools are named.
    """
    asked = _streamed(model, prompt)
    del asked["tools"]
    try:
        async with sdk.chat.completions.stream(**asked) as stream:
            await stream.until_done()
            return _completed(stream.current_completion_snapshot)
    except openai.APIError as error:
        return _failed(Heard(), error)


async def whole(sdk: AsyncOpenAI, model: str, prompt: str) -> Heard:
    """Not streamed."""
    try:
        answer = await sdk.chat.completions.create(**_asked(model, prompt))
    except openai.APIError as error:
        return _failed(Heard(), error)
    assert isinstance(answer, ChatCompletion)
    return _completed(answer)


def _completed(answer: ChatCompletion) -> Heard:
    (choice,) = answer.choices
    message: ChatCompletionMessage = choice.message
    assert message.role == "assistant"
    calls: list[tuple[str, str, Any]] = []
    for call in message.tool_calls or ():
        assert call.type == "function"
        calls.append((call.id, call.function.name, parsed(call.function.arguments)))
    return Heard(
        text=message.content or "",
        thoughts=_thoughts(message) or _details(message),
        refusal=message.refusal or "",
        calls=calls,
        reason=choice.finish_reason,
        counts=_counts(answer.usage) if answer.usage is not None else None,
    )


def _counts(usage: CompletionUsage) -> tuple[int | None, ...]:
    read, said = usage.prompt_tokens_details, usage.completion_tokens_details
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    return (
        usage.prompt_tokens,
        usage.completion_tokens,
        (read.cached_tokens if read else 0) or 0,
        (said.reasoning_tokens if said else 0) or 0,
    )


def _failed(heard: Heard, error: openai.APIError) -> Heard:
    heard.error, heard.message = error.type or error.code or type(error).__name__, error.message
    if isinstance(error, openai.APIStatusError):
        heard.status = error.status_code
    return heard

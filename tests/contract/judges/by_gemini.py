"""Google's SDK, straight at a provider: the judge of what the scripted one says."""

from typing import Any

from google import genai
from google.genai import errors, types

from tests.contract.judges.answer import Heard


async def events(sdk: genai.Client, model: str, prompt: str) -> Heard:
    """Every response object."""
    heard = Heard(refusal=None)
    try:
        async for given in await sdk.aio.models.generate_content_stream(
            model=model, contents=prompt
        ):
            _take(heard, given)
    except errors.APIError as error:
        return _failed(heard, error)
    return heard


async def whole(sdk: genai.Client, model: str, prompt: str) -> Heard:
    """Not streamed."""
    heard = Heard(refusal=None)
    try:
        _take(heard, await sdk.aio.models.generate_content(model=model, contents=prompt))
    except errors.APIError as error:
        return _failed(heard, error)
    return heard


def _take(heard: Heard, given: types.GenerateContentResponse) -> None:
    for candidate in given.candidates or ():
        for part in (candidate.content and candidate.content.parts) or ():
            if part.function_call is not None:
                call = part.function_call
                heard.calls.append((call.id or "", call.name or "", call.args))
            elif part.thought:
                heard.thoughts = (heard.thoughts or "") + (part.text or "")
            else:
                heard.text += part.text or ""
        if candidate.finish_reason is not None:
            heard.reason = candidate.finish_reason.value
    if given.usage_metadata is not None:
        heard.counts = _counts(given.usage_metadata)


def _counts(usage: Any) -> tuple[int | None, ...]:
    thoughts = usage.thoughts_token_count or 0
    return (
        usage.prompt_token_count,
        (usage.candidates_token_count or 0) + thoughts,
        usage.cached_content_token_count or 0,
        thoughts,
    )


def _failed(heard: Heard, error: errors.APIError) -> Heard:
    heard.error, heard.message, heard.status = error.status, error.message or "", error.code
    return heard

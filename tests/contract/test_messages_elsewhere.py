"""Messages callers whose provider speaks another dialect: counting, overload, system turns."""

from typing import Any

import aiohttp
import anthropic
import pytest
from anthropic import AsyncAnthropic

from tests.deployment import Deployment


async def counted(api: aiohttp.ClientSession, model: str, content: Any) -> tuple[int, str | None]:
    call = {"model": model, "messages": [{"role": "user", "content": content}]}
    async with api.post("/v1/messages/count_tokens", json=call) as response:
        assert response.status == 200, await response.text()
        answer = await response.json()
        assert list(answer) == ["input_tokens"]
        return answer["input_tokens"], response.headers.get("x-streamhold-estimated")


@pytest.mark.parametrize("provider", ["sim", "sim-responses", "sim-gemini"])
async def test_for_a_target_of_another_dialect_it_is_an_estimate_that_says_so(
    api: aiohttp.ClientSession, prompt: str, provider: str
) -> None:
    text = f"{prompt} {'word ' * 400}"
    found, estimated = await counted(api, f"{provider}/tokens=1", text)
    assert (400 < found < 700, estimated) == (True, "true")
    picture = {"type": "base64", "media_type": "image/png", "data": "A" * 100_000}
    blocks = [{"type": "text", "text": text}, {"type": "image", "source": picture}]
    seen, estimated = await counted(api, f"{provider}/tokens=1", blocks)
    assert (1500 < seen - found < 1700, estimated) == (True, "true")


async def test_of_several_targets_one_that_counts_is_asked_first(
    api: aiohttp.ClientSession, prompt: str
) -> None:
    text = f"{prompt} and more"
    assert await counted(api, "counted-first", text) == (3, None)
    found, estimated = await counted(api, "overloaded-or-elsewhere", text)
    assert (found > 3, estimated) == (True, "true")


async def test_the_front_page_needs_no_key_and_answers_a_probe(deployment: Deployment) -> None:
    async with aiohttp.ClientSession(deployment.urls[0]) as nobody:
        async with nobody.head("/") as response:
            assert (response.status, await response.read()) == (200, b"")
            assert response.headers["x-request-id"]
        async with nobody.get("/") as response:
            assert (response.status, response.content_type) == (200, "text/plain")
            assert "/v1/messages" in await response.text()
        async with nobody.get("/v1/models") as response:
            assert response.status == 401


REFUSED: dict[str, Any] = {
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    "tools": [
        {"name": "f", "input_schema": {"type": "object"}, "news": True},
        {"name": "web_search", "type": "web_search_20250305"},
    ],
}
EXTRA = "Extra inputs are not permitted"


@pytest.mark.parametrize("provider", ["sim", "sim-responses", "sim-gemini"])
async def test_a_refusal_is_said_in_anthropics_words_all_of_it_at_once(
    deployment: Deployment, claude: AsyncAnthropic, prompt: str, provider: str
) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        await claude.messages.create(
            model=f"{provider}/tokens=1",
            max_tokens=9,
            messages=[{"role": "user", "content": prompt}],
            extra_body=REFUSED,
        )
    assert isinstance(caught.value.body, dict)
    error = caught.value.body["error"]
    assert error["type"] == "invalid_request_error"
    assert error["code"] == "unexpressible"
    theirs, _, ours = error["message"].partition(". ")
    assert sorted(theirs.split("; ")) == [
        f"context_management: {EXTRA}",
        f"tools.0.news: {EXTRA}",
        "tools.1.type: Input should be 'custom'",
    ]
    assert "'tools[1].type'" in ours
    assert deployment.sim_calls(prompt) == 0


async def test_a_field_that_is_wrong_is_named_by_its_path_first(claude: AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        await claude.messages.create(
            model="sim/tokens=1",
            max_tokens=9,
            messages=[{"role": "user", "content": "x"}, 1],  # type: ignore[list-item]
        )
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["message"].startswith("messages.1: ")


async def test_a_route_goes_on_elsewhere_when_anthropic_is_overloaded(
    deployment: Deployment, claude: AsyncAnthropic, prompt: str
) -> None:
    messages: Any = [
        {"role": "user", "content": prompt},
        {"role": "system", "content": "Be brief."},
    ]
    answer = await claude.messages.create(
        model="overloaded-or-elsewhere",
        max_tokens=99,
        messages=messages,
        extra_body={"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}},
    )
    assert answer.stop_reason == "end_turn"
    assert [block.type for block in answer.content] == ["text"]
    assert deployment.sim_calls(prompt) == 2

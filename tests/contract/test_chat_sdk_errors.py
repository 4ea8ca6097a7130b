"""Errors as the official SDK raises them: the right class, in time, and never a silent end."""

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk

from tests.contract.sdk import QUICK, begin, chunks, keyed, text_of, user, whole
from tests.deployment import Deployment


async def test_a_malformed_request(sdk: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.chat.completions.create(model=QUICK, messages=[])
    assert caught.value.param == "messages"
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id


async def test_an_unknown_model(sdk: AsyncOpenAI, prompt: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await whole(sdk, "nobody/knows", prompt)
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"


async def test_a_wrong_key(deployment: Deployment, prompt: str) -> None:
    url = f"{deployment.urls[0]}/v1"
    async with AsyncOpenAI(base_url=url, api_key="sk-wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as caught:
            await whole(stranger, QUICK, prompt)
    assert caught.value.code == "invalid_api_key"
    assert deployment.sim_calls(prompt) == 0


async def test_another_body_under_the_same_key(
    deployment: Deployment, sdks: list[AsyncOpenAI], prompt: str
) -> None:
    first = await whole(sdks[0], QUICK, prompt, extra_headers=keyed(prompt))
    # An SDK that may retry must not: the answer would be the same for ever.
    other = f"{prompt} and more"
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        await whole(sdks[1].with_options(max_retries=2), QUICK, other, extra_headers=keyed(prompt))
    assert caught.value.code == "request_id_reused"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert caught.value.request_id == prompt
    assert deployment.sim_calls(other) == 0
    again = await whole(sdks[1], QUICK, prompt, extra_headers=keyed(prompt))
    assert again == first


@pytest.mark.parametrize("stream", [True, False])
async def test_a_providers_429_passes_through(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str, stream: bool
) -> None:
    model = "sim/status=429,retryafter=0.01"
    with pytest.raises(openai.RateLimitError) as caught:
        await sdk.chat.completions.create(model=model, messages=user(prompt), stream=stream)
    assert caught.value.response.headers["retry-after"] == "1"
    assert caught.value.type == "rate_limit_exceeded"
    assert "x-should-retry" not in caught.value.response.headers
    assert deployment.sim_calls(prompt) == 1  # for the SDK would try again by itself


async def test_a_keyed_failure_replays_and_says_so(
    deployment: Deployment, sdks: list[AsyncOpenAI], prompt: str
) -> None:
    for sdk in sdks:
        with pytest.raises(openai.RateLimitError) as caught:
            await whole(
                sdk.with_options(max_retries=2),
                "sim/status=429,retryafter=0.01",
                prompt,
                extra_headers=keyed(prompt),
            )
        assert caught.value.response.headers["x-should-retry"] == "false"
        assert caught.value.request_id == prompt
    assert deployment.sim_calls(prompt) == 3


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_a_callers_fault_is_told_as_the_provider_told_it(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str, status: int
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        await chunks(sdk, f"sim/status={status}", prompt)
    assert caught.value.status_code == status
    assert caught.value.type == "invalid_request_error"
    assert caught.value.message.count("refused on purpose") == 1
    assert deployment.sim_calls(prompt) == 1


@pytest.mark.parametrize("model", ["sim/status=401", "sim/status=403", "revoked/default"])
async def test_the_operators_key_trouble_is_not_the_callers(
    sdk: AsyncOpenAI, prompt: str, model: str
) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        await whole(sdk, model, prompt)
    assert caught.value.status_code == 502
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["provider_status"] in (401, 403)
    text = caught.value.response.text
    assert "Incorrect API key" not in text
    assert "on purpose" not in text
    assert "sk-bad" not in text


@pytest.mark.parametrize("model", ["second-answers", "revoked-first"])
async def test_the_next_target_answers(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str, model: str
) -> None:
    streamed = await chunks(sdk, model, prompt)
    assert len(text_of(streamed).split()) == 12
    assert deployment.sim_calls(prompt) == 2


@pytest.mark.parametrize("fault", ["dropafter", "eofafter", "errorafter", "garbleafter"])
async def test_a_failure_in_mid_stream_raises(sdk: AsyncOpenAI, prompt: str, fault: str) -> None:
    seen: list[ChatCompletionChunk] = []

    async def read() -> None:
        async for chunk in await begin(sdk, f"sim/tokens=12,interval=1ms,{fault}=5", prompt):
            seen.append(chunk)

    with pytest.raises(openai.APIError) as caught:
        await read()
    assert caught.value.message
    assert len(text_of(seen).split()) == 5
    with pytest.raises(openai.InternalServerError):
        await whole(sdk, f"sim/tokens=12,interval=1ms,{fault}=5", prompt)


async def test_a_client_that_leaves_a_whole_answer_changes_nothing(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str
) -> None:
    model = "sim/tokens=10,interval=50ms"
    with pytest.raises(openai.APITimeoutError):
        await whole(sdk, model, prompt, extra_headers=keyed(prompt), timeout=0.2)
    answer = await whole(sdk, model, prompt, extra_headers=keyed(prompt))
    assert len((answer.choices[0].message.content or "").split()) == 10
    assert deployment.sim_calls(prompt) == 1

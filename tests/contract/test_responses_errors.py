"""Errors of ``/v1/responses`` as the official SDK raises them, and ends that are never silent."""

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import ResponseStreamEvent

from tests.contract.conftest import BOB
from tests.contract.responses import QUICK, begin, events, keyed, respond, text_of
from tests.deployment import Deployment


async def test_a_malformed_request(sdk: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.responses.create(model=QUICK, input="x", background=True, store=False)
    assert caught.value.param == "store"
    assert caught.value.type == "invalid_request_error"


async def test_an_unknown_model(sdk: AsyncOpenAI, prompt: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await respond(sdk, "nobody/knows", prompt)
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("name", ["resp_" + "0" * 20, "resp_" + "a" * 48, "nonsense"])
async def test_an_unknown_response(sdk: AsyncOpenAI, name: str) -> None:
    for call in (sdk.responses.retrieve, sdk.responses.cancel, sdk.responses.delete):
        with pytest.raises(openai.NotFoundError):
            await call(name)
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.input_items.list(name)


async def test_another_accounts_response(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str
) -> None:
    answer = await respond(sdk, QUICK, prompt)
    url = f"{deployment.urls[0]}/v1"
    async with AsyncOpenAI(base_url=url, api_key=BOB, max_retries=0) as bob:
        with pytest.raises(openai.NotFoundError):
            await bob.responses.retrieve(answer.id)
        with pytest.raises(openai.NotFoundError):
            await bob.responses.delete(answer.id)
        with pytest.raises(openai.BadRequestError) as caught:
            await respond(bob, QUICK, prompt, previous_response_id=answer.id)
    assert caught.value.code == "previous_response_not_found"
    assert await sdk.responses.retrieve(answer.id) == answer


async def test_a_chat_job_is_no_response(
    sdk: AsyncOpenAI, api: aiohttp.ClientSession, prompt: str
) -> None:
    await sdk.chat.completions.create(
        model="plain",
        messages=[{"role": "user", "content": prompt}],
        extra_headers=keyed(prompt),
    )
    with pytest.raises(openai.UnprocessableEntityError):
        await respond(sdk, QUICK, prompt, extra_headers=keyed(prompt))


async def test_what_was_not_to_be_stored_is_gone_with_its_end(
    sdk: AsyncOpenAI, prompt: str
) -> None:
    stream = await begin(sdk, "voice/tokens=3,interval=1ms,hangafter=2", prompt, store=False)
    first = await anext(stream)
    assert first.type == "response.created"
    assert (await sdk.responses.retrieve(first.response.id)).status == "in_progress"
    await sdk.responses.cancel(first.response.id)
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.retrieve(first.response.id)
    await stream.close()


async def test_a_deleted_response(sdks: list[AsyncOpenAI], prompt: str) -> None:
    answer = await respond(sdks[0], QUICK, prompt)
    await sdks[1].responses.delete(answer.id)
    with pytest.raises(openai.NotFoundError) as caught:
        await sdks[0].responses.retrieve(answer.id)
    assert caught.value.code == "response_not_found"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_providers_refusal_passes_through(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str, stream: bool
) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        await sdk.responses.create(model="voice/status=422", input=prompt, stream=stream)
    assert caught.value.message.count("refused on purpose") == 1
    assert deployment.sim_calls(prompt) == 1


@pytest.mark.parametrize("model", ["spoken-second", "spoken-after-begun"])
async def test_the_next_target_answers_unseen(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str, model: str
) -> None:
    """Also after ``response.created``, which says nothing yet."""
    told = await events(sdk, model, prompt)
    assert [event.type for event in told].count("response.created") == 1
    assert told[-1].type == "response.completed"
    assert len(text_of(told).split()) == 12
    assert deployment.sim_calls(prompt) == 2


async def test_a_lost_answer_is_replayed_into_one(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str
) -> None:
    seen: list[str] = []
    async with sdk.responses.stream(model="spoken-again", input=prompt) as stream:
        async for event in stream:
            if event.type == "response.output_text.delta":
                seen.append(event.delta)
        final = await stream.get_final_response()
    assert final.output_text == "".join(seen)
    assert len(final.output_text.split()) == 30
    assert deployment.sim_calls(prompt) == 2


@pytest.mark.parametrize("fault", ["dropafter", "eofafter", "garbleafter"])
async def test_a_failure_in_mid_stream_raises(sdk: AsyncOpenAI, prompt: str, fault: str) -> None:
    seen: list[ResponseStreamEvent] = []

    async def read() -> None:
        async for event in await begin(sdk, f"voice/tokens=12,interval=1ms,{fault}=5", prompt):
            seen.append(event)

    with pytest.raises(openai.APIError) as caught:
        await read()
    assert caught.value.message
    assert len(text_of(seen).split()) == 5
    with pytest.raises(openai.InternalServerError):
        await respond(sdk, f"voice/tokens=12,interval=1ms,{fault}=5", prompt)


async def test_a_failure_that_the_provider_told_is_told_as_it_was(
    sdk: AsyncOpenAI, prompt: str
) -> None:
    model = "voice/tokens=12,interval=1ms,errorafter=5"
    told = await events(sdk, model, prompt, background=True)
    last = told[-1]
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.code == "server_error"
    found = await sdk.responses.retrieve(last.response.id)
    assert (found.status, found.error) == ("failed", last.response.error)
    assert found.background


async def test_a_background_call_that_fails_says_so_when_polled(
    sdk: AsyncOpenAI, prompt: str
) -> None:
    answer = await respond(sdk, "voice/status=400", prompt, background=True)
    with pytest.raises(openai.APIError):
        _ = [event async for event in await sdk.responses.retrieve(answer.id, stream=True)]
    found = await sdk.responses.retrieve(answer.id)
    assert found.status == "failed"
    assert found.error is not None
    assert "on purpose" in found.error.message
    assert found.output == []

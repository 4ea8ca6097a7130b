"""``/v1/responses`` through the official SDK: what its users see, unchanged."""

import asyncio
import json

from openai import AsyncOpenAI
from openai.types.responses import FunctionToolParam
from pydantic import BaseModel

from tests.contract.responses import QUICK, bare, begin, events, keyed, respond, text_of
from tests.deployment import Deployment

TOOL: FunctionToolParam = {
    "type": "function",
    "name": "search",
    "parameters": {"type": "object"},
    "strict": False,
}


async def test_streamed_and_not_the_text_is_the_same(sdk: AsyncOpenAI, prompt: str) -> None:
    streamed = await events(sdk, QUICK, prompt)
    answer = await respond(sdk, QUICK, prompt)
    assert answer.output_text == text_of(streamed)
    assert len(answer.output_text.split()) == 12
    assert answer.status == "completed"
    assert [event.type for event in streamed[:2]] == ["response.created", "response.in_progress"]
    assert streamed[-1].type == "response.completed"


async def test_the_provider_and_the_broker_say_the_same(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str
) -> None:
    model = "tokens=30,interval=0,reasoning=3,obfuscation,id=resp_same"
    async with AsyncOpenAI(base_url=deployment.sim_url, api_key="x", max_retries=0) as direct:
        expected = await events(direct, model, prompt)
        expected_whole = await respond(direct, model, prompt)
    told = await events(sdk, f"voice/{model}", prompt)
    assert [bare(event) for event in told] == [bare(event) for event in expected]
    answer = await respond(sdk, f"voice/{model}", prompt)
    assert answer.output == expected_whole.output
    assert answer.usage == expected_whole.usage


async def test_numbers_rise_and_are_the_ids(sdk: AsyncOpenAI, prompt: str) -> None:
    told = await events(sdk, QUICK, prompt)
    numbers = [event.sequence_number for event in told]
    assert numbers == list(range(numbers[0], numbers[0] + len(told)))


async def test_the_id_is_the_brokers_everywhere(sdk: AsyncOpenAI, prompt: str) -> None:
    told = await events(sdk, QUICK, prompt, extra_headers=keyed(prompt))
    ids = {event.response.id for event in told if hasattr(event, "response")}
    answer = await respond(sdk, QUICK, prompt, extra_headers=keyed(prompt))
    found = await sdk.responses.retrieve(answer.id)
    assert ids == {answer.id}
    assert found == answer
    assert answer.id.startswith("resp_")


async def test_the_helper_streams(sdk: AsyncOpenAI, prompt: str) -> None:
    async with sdk.responses.stream(model=QUICK, input=prompt) as stream:
        text = "".join([e.delta async for e in stream if e.type == "response.output_text.delta"])
        final = await stream.get_final_response()
    assert final.output_text == text


async def test_the_helper_that_filters_at_its_end(sdks: list[AsyncOpenAI], prompt: str) -> None:
    told = await events(sdks[0], QUICK, prompt, background=True)
    assert told[0].type == "response.created"
    name, after = told[0].response.id, told[6].sequence_number
    async with sdks[1].responses.stream(response_id=name, starting_after=after) as stream:
        rest = [event async for event in stream]
        final = await stream.get_final_response()
    assert [event.sequence_number for event in rest] == [e.sequence_number for e in told[7:]]
    assert final.output_text == text_of(told)


async def test_a_stream_is_retrieved_from_a_number(sdks: list[AsyncOpenAI], prompt: str) -> None:
    told = await events(sdks[0], QUICK, prompt)
    assert told[0].type == "response.created"
    name = told[0].response.id
    for place in (0, 1, 5, len(told) - 1):
        number = told[place].sequence_number
        stream = await sdks[1].responses.retrieve(name, stream=True, starting_after=number)
        assert [event async for event in stream] == told[place + 1 :]


async def test_a_background_call_is_answered_at_once_and_polled(
    deployment: Deployment, sdks: list[AsyncOpenAI], prompt: str
) -> None:
    model = "voice/tokens=20,interval=10ms"
    answer = await respond(sdks[0], model, prompt, background=True)
    assert answer.status in ("queued", "in_progress")
    assert answer.background
    while answer.status in ("queued", "in_progress"):
        # A reader that ends with the job: no guess at how long it takes.
        async with sdks[1].responses.stream(response_id=answer.id) as stream:
            await stream.until_done()
        answer = await sdks[1].responses.retrieve(answer.id)
    assert answer.status == "completed"
    assert answer.background
    assert len(answer.output_text.split()) == 20
    assert deployment.sim_calls(prompt) == 1


async def test_what_there_is_of_a_running_response(sdk: AsyncOpenAI, prompt: str) -> None:
    stream = await begin(sdk, "voice/tokens=3,interval=1ms,hangafter=2", prompt, background=True)
    name, seen = "", ""
    async for event in stream:
        if event.type == "response.created":
            name = event.response.id
        if event.type == "response.output_text.delta":
            seen += event.delta
            if len(seen.split()) == 2:
                break
    answer = await sdk.responses.retrieve(name)
    assert answer.status == "in_progress"
    assert answer.output_text == seen
    cancelled = await sdk.responses.cancel(name)
    assert cancelled.status == "cancelled"
    assert cancelled.output_text == seen
    assert (await sdk.responses.retrieve(name)).status == "cancelled"
    await stream.close()


async def test_tool_calls(sdk: AsyncOpenAI, prompt: str) -> None:
    model = "voice/tokens=5,interval=0,parallel=2"
    answer = await respond(sdk, model, prompt, tools=[TOOL])
    calls = [item for item in answer.output if item.type == "function_call"]
    arguments = ["", ""]
    for event in await events(sdk, model, prompt, tools=[TOOL]):
        if event.type == "response.function_call_arguments.delta":
            arguments[event.output_index] += event.delta
    assert [call.name for call in calls] == ["search", "search"]
    assert [call.arguments for call in calls] == arguments
    assert all(len(json.loads(each)["query"].split()) == 5 for each in arguments)


class Answer(BaseModel):
    answer: str
    sure: bool


async def test_structured_output_is_parsed(sdk: AsyncOpenAI, prompt: str) -> None:
    parsed = await sdk.responses.parse(model=QUICK, input=prompt, text_format=Answer)
    assert parsed.output_parsed is not None
    assert len(parsed.output_parsed.answer.split()) == 12
    async with sdk.responses.stream(model=QUICK, input=prompt, text_format=Answer) as stream:
        final = await stream.get_final_response()
    assert final.output_parsed == parsed.output_parsed


async def test_an_answer_that_is_cut_short_is_incomplete(sdk: AsyncOpenAI, prompt: str) -> None:
    answer = await respond(sdk, QUICK, prompt, max_output_tokens=5)
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    told = await events(sdk, QUICK, prompt, max_output_tokens=5)
    assert told[-1].type == "response.incomplete"


async def test_a_whole_answer_is_told_as_events(sdk: AsyncOpenAI, prompt: str) -> None:
    model = "voice/tokens=12,interval=1ms,reasoning=2,nostream"
    answer = await respond(sdk, model, prompt)
    async with sdk.responses.stream(model=model, input=prompt) as stream:
        told = [event async for event in stream]
        final = await stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert final.output_text == answer.output_text
    assert told[-1].type == "response.completed"


async def test_the_response_before_is_named_by_the_brokers_id(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str
) -> None:
    first = await respond(sdk, "spoken-second", prompt)
    # The first target has never heard of it, and is not asked.
    again = await respond(sdk, "spoken-second", f"{prompt}-2", previous_response_id=first.id)
    assert again.status == "completed"
    assert again.previous_response_id == first.id
    assert deployment.sim_calls(f"{prompt}-2") == 1


async def test_input_items(sdk: AsyncOpenAI, prompt: str) -> None:
    first = await respond(sdk, QUICK, prompt)
    listed = await sdk.responses.input_items.list(first.id)
    (item,) = listed.data
    assert item.type == "message"
    assert item.content[0].to_dict() == {"type": "input_text", "text": prompt}
    texts = [str(number) for number in range(5)]
    answer = await sdk.responses.create(
        model=QUICK, input=[{"role": "user", "content": text} for text in texts]
    )
    pages = await sdk.responses.input_items.list(answer.id, limit=2, order="asc")
    found = [item async for item in pages]
    assert [item.to_dict()["content"] for item in found] == [
        [{"type": "input_text", "text": text}] for text in texts
    ]


async def test_the_same_key_at_the_same_instant_is_one_call(
    deployment: Deployment, sdks: list[AsyncOpenAI], prompt: str
) -> None:
    model = "voice/tokens=30,interval=5ms"
    streams = [events(sdks[k % 2], model, prompt, extra_headers=keyed(prompt)) for k in range(4)]
    answers = [respond(sdks[k % 2], model, prompt, extra_headers=keyed(prompt)) for k in range(4)]
    streamed, told = await asyncio.gather(asyncio.gather(*streams), asyncio.gather(*answers))
    assert all(each == streamed[0] for each in streamed)
    assert {each.output_text for each in told} == {text_of(streamed[0])}
    assert deployment.sim_calls(prompt) == 1

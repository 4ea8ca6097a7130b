"""Responses callers, and targets that speak other dialects: what the broker keeps is understood
when it comes back, tools of the dialect's own, and every field of a response."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response

from broker.dialects.responses.echo import DEFAULTS
from tests.contract.conftest import ALICE, BOB
from tests.contract.responses import events, respond, text_of
from tests.deployment import Deployment, account

SAYS = "tokens=12,interval=0"
TARGETS = {
    "chat": f"sim/{SAYS}",
    "messages": f"sim-messages/{SAYS}",
    "gemini": f"sim-gemini/{SAYS}",
    "responses": f"voice/{SAYS}",
}
CUT = "tokens=40,interval=1ms,prefill,dropafter=9,failfirst=1"
OTHERS = ("chat", "messages", "gemini")
CONFIG = f"""
[worker]
backoff = 0.01
[breaker]
least_calls = 1000
[providers.voice]
base_url = "{{sim}}"
dialect = "responses"
[providers.filling]
base_url = "{{sim}}"
prefill = true
[routes.agent]
targets = ["sim/agent"]
drop_tools = ["web_search"]
[routes.agent-messages]
targets = ["sim-messages/agent"]
[routes.agent-gemini]
targets = ["sim-gemini/agent"]
[routes.cut]
targets = ["voice/{CUT}", "filling/{CUT}"]
drop_tools = ["web_search"]
{account("alice", ALICE)}
{account("bob", BOB)}
"""
AGENTS = ["agent", "agent-messages", "agent-gemini"]
FUNCTION = {"type": "object", "properties": {"target": {"type": "string"}}}
TOOLS: list[Any] = [
    {"type": "function", "name": "shell", "parameters": FUNCTION, "strict": False},
    {"type": "custom", "name": "apply_patch", "description": "Edits files."},
    {
        "type": "namespace",
        "name": "agents",
        "description": "Other agents.",
        "tools": [{"type": "function", "name": "close", "parameters": FUNCTION, "strict": False}],
    },
]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    deployment = Deployment(folder, config=CONFIG)
    yield deployment
    deployment.close()


@pytest.fixture
async def sdk(deployment: Deployment) -> AsyncIterator[AsyncOpenAI]:
    url = f"{deployment.urls[0]}/v1"
    async with AsyncOpenAI(base_url=url, api_key=ALICE, max_retries=0, timeout=30) as client:
        yield client


@pytest.fixture
async def bob(deployment: Deployment) -> AsyncIterator[AsyncOpenAI]:
    url = f"{deployment.urls[0]}/v1"
    async with AsyncOpenAI(base_url=url, api_key=BOB, max_retries=0, timeout=30) as client:
        yield client


def asked(answer: Response) -> int:
    """The words that the provider was asked with, as the simulated one counts them."""
    assert answer.usage is not None
    return answer.usage.input_tokens


@pytest.mark.parametrize("then", [*OTHERS, "responses"])
@pytest.mark.parametrize("first", [*OTHERS, "responses"])
async def test_a_conversation_goes_on_at_any_target(
    sdk: AsyncOpenAI, prompt: str, first: str, then: str
) -> None:
    one = await respond(sdk, TARGETS[first], f"{prompt} one two three")
    two = await respond(sdk, TARGETS[then], "four five", previous_response_id=one.id)
    assert (two.status, two.previous_response_id) == ("completed", one.id)
    three = await respond(sdk, TARGETS[first], "six", previous_response_id=two.id)
    if first == then == "responses":
        return  # the provider keeps it, and is asked with what is new
    words = asked(one) + len(one.output_text.split()) + 2
    assert asked(two) == words
    assert asked(three) == words + len(two.output_text.split()) + 1


@pytest.mark.parametrize("then", [*OTHERS, "responses"])
@pytest.mark.parametrize("first", [*OTHERS, "responses"])
async def test_an_item_is_referred_to_at_any_target(
    sdk: AsyncOpenAI, bob: AsyncOpenAI, prompt: str, first: str, then: str
) -> None:
    one = await respond(sdk, TARGETS[first], f"{prompt} one")
    asks: Any = [
        {"role": "user", "content": f"{prompt} one"},
        {"type": "item_reference", "id": one.output[0].id},
        {"role": "user", "content": "two"},
    ]
    two = await sdk.responses.create(model=TARGETS[then], input=asks)
    assert two.status == "completed"
    if not first == then == "responses":
        assert asked(two) == asked(one) + len(one.output_text.split()) + 1
    refused = set()
    for item in (one.output[0].id, "msg_unknown", f"msg_{'x' * 40}-1_0"):
        url = f"{bob.base_url}responses"
        body = {"model": TARGETS[then], "input": [{"type": "item_reference", "id": item}]}
        headers = {"authorization": f"Bearer {BOB}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(url, json=body) as response,
        ):
            assert response.status == 404
            refused.add((await response.text()).replace(str(item), "ITEM"))
    (answer,) = refused
    error = json.loads(answer)["error"]
    assert (error["code"], error["param"]) == ("item_not_found", "input[0]")


async def test_what_was_asked_is_referred_to_as_well(sdk: AsyncOpenAI, prompt: str) -> None:
    one = await respond(sdk, TARGETS["chat"], f"{prompt} one two three")
    (item,) = (await sdk.responses.input_items.list(one.id)).data
    asks: Any = [{"type": "item_reference", "id": item.id}, {"role": "user", "content": "four"}]
    two = await sdk.responses.create(model=TARGETS["messages"], input=asks)
    assert asked(two) == asked(one) + 1


async def test_a_long_conversation(sdk: AsyncOpenAI, prompt: str) -> None:
    """Each turn too large for an event loop, and a large one that goes on from it."""
    long = ("word " * 60_000).strip()
    one = await respond(sdk, TARGETS["chat"], prompt + " " + long)
    two = await respond(sdk, TARGETS["messages"], long, previous_response_id=one.id)
    assert asked(two) == asked(one) + len(one.output_text.split()) + 60_000
    three = await respond(sdk, TARGETS["gemini"], "short", previous_response_id=two.id)
    assert asked(three) == asked(two) + len(two.output_text.split()) + 1


async def test_reasoning_is_told_again_to_whose_it_is(sdk: AsyncOpenAI, prompt: str) -> None:
    """And its item is referred to by its id, as the AI SDK does it."""
    model = f"{TARGETS['messages']},reasoning=3"
    one = await respond(sdk, model, prompt)
    assert [item.type for item in one.output] == ["reasoning", "message"]
    asks: Any = [{"type": "item_reference", "id": item.id} for item in one.output]
    asks = [{"role": "user", "content": prompt}, *asks, {"role": "user", "content": "two"}]
    two = await sdk.responses.create(model=model, input=asks)
    assert two.status == "completed"
    again = await sdk.responses.create(model=TARGETS["responses"], input=asks)
    assert again.status == "completed"


@pytest.mark.parametrize("model", AGENTS)
async def test_tools_of_the_dialects_own(sdk: AsyncOpenAI, prompt: str, model: str) -> None:
    """Offered, called, streamed and answered, in one conversation."""
    patch = '*** Begin Patch\n+ "ä\\n" \U0001f600\n*** End Patch'
    lines = [
        prompt,
        "CALL agents__close " + json.dumps({"target": "x"}),
        "CALL apply_patch " + json.dumps({"input": patch}),
        "CALL shell " + json.dumps({"target": "y"}),
        'SAY "all done"',
    ]
    items: list[Any] = [{"role": "user", "content": "\n".join(lines)}]
    seen = []
    for _ in range(4):
        told = await events(sdk, model, items, tools=TOOLS)  # type: ignore[arg-type]
        final: Any = told[-1].response  # type: ignore[union-attr]
        assert final.status == "completed"
        call = final.output[-1]
        seen.append(call.type)
        if call.type == "message":
            assert final.output_text.endswith("all done")
            break
        kinds = [event.type for event in told]
        if call.type == "custom_tool_call":
            assert call.input == patch
            assert call.name == "apply_patch"
            deltas = [e.delta for e in told if e.type == "response.custom_tool_call_input.delta"]
            assert "".join(deltas) == patch
            assert kinds.count("response.custom_tool_call_input.done") == 1
            output = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "ok"}
        else:
            assert call.type == "function_call"
            assert "response.function_call_arguments.done" in kinds
            names = (call.namespace, call.name)
            assert names == (("agents", "close") if len(seen) == 1 else (None, "shell"))
            output = {"type": "function_call_output", "call_id": call.call_id, "output": "ok"}
        items += [item.to_dict() for item in final.output] + [output]
    assert seen == ["function_call", "custom_tool_call", "function_call", "message"]


@pytest.mark.parametrize("name", [True, False], ids=["previous", "reference"])
@pytest.mark.parametrize("model", [*AGENTS, "voice/agent"])
async def test_a_tools_loop_that_sends_results_alone(
    sdk: AsyncOpenAI, prompt: str, model: str, name: bool
) -> None:
    """The call is in the response before, or is referred to."""
    lines = [prompt, "CALL shell " + json.dumps({"target": "y"}), 'SAY "all done"']
    one = await sdk.responses.create(model=model, input="\n".join(lines), tools=TOOLS[:1])
    call = one.output[-1]
    assert call.type == "function_call"
    asks: list[Any] = [{"type": "function_call_output", "call_id": call.call_id, "output": "ok"}]
    more: Any = {"previous_response_id": one.id} if name else {}
    if not name:
        asks.insert(0, {"type": "item_reference", "id": call.id})
        asks.insert(0, {"role": "user", "content": "\n".join(lines)})
    two = await sdk.responses.create(model=model, input=asks, tools=TOOLS[:1], **more)
    assert (two.status, two.output_text.endswith("all done")) == ("completed", True)


async def test_hosted_tools_are_dropped_where_the_route_says_so(
    sdk: AsyncOpenAI, prompt: str
) -> None:
    tools: Any = [TOOLS[0], {"type": "web_search", "external_web_access": False}]
    dropped = await sdk.responses.create(model="agent", input=prompt, tools=tools)
    assert [tool.type for tool in dropped.tools] == ["function"]
    with pytest.raises(Exception, match="drop_tools") as caught:
        await sdk.responses.create(model="agent-messages", input=prompt, tools=tools)
    assert caught.value.param == "tools[1].type"  # type: ignore[attr-defined]


@pytest.mark.parametrize("target", OTHERS)
async def test_a_response_has_every_field(sdk: AsyncOpenAI, prompt: str, target: str) -> None:
    more: Any = {"metadata": {"a": "b"}, "max_output_tokens": 99, "tools": TOOLS[:1]}
    told = await events(sdk, TARGETS[target], prompt, **more)
    held: list[Any] = [e.response for e in told if hasattr(e, "response")]
    assert len(held) == 3
    for response in held:
        fields = response.to_dict()
        Response.model_validate(fields, strict=True)
        assert DEFAULTS.keys() <= fields.keys()
        assert (response.metadata, response.max_output_tokens) == ({"a": "b"}, 99)
        (tool,) = fields["tools"]
        assert tool == {**TOOLS[0], "description": None}
    assert held[0].completed_at is None
    assert held[-1].completed_at >= held[-1].created_at
    polled = (await sdk.responses.retrieve(held[-1].id)).to_dict()
    assert polled == held[-1].to_dict()


async def test_a_failed_one_ends_in_the_response_failed(
    deployment: Deployment, prompt: str
) -> None:
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {ALICE}"}) as session:
        body = {"model": "sim/tokens=12,interval=1ms,dropafter=4", "input": prompt, "stream": True}
        url = f"{deployment.urls[0]}/v1/responses"
        async with session.post(url, json=body) as response:
            name = response.headers["location"].rpartition("/")[2].partition("?")[0]
            told = (await response.read()).split(b"\n\n")
        async with session.get(f"{url}/{name}?stream=true") as response:
            assert (await response.read()).split(b"\n\n") == told, "whoever reads it"
    error, failed, rest = told[-3:]
    assert rest == b""
    assert b"\nevent: error\n" in error
    last = json.loads(failed.partition(b"data: ")[2])
    said = json.loads(error.partition(b"data: ")[2])
    assert last["type"] == "response.failed"
    assert last["response"]["id"] == name
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"] == {
        "code": said["code"] or said["error"]["type"],
        "message": said["message"],
    }
    assert last["response"]["created_at"] > 1_700_000_000


async def test_a_cut_answer_goes_on_at_a_target_of_another_dialect(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str
) -> None:
    """With all that Codex sends: it is one whole answer."""
    asks: Any = [
        {
            "type": "message",
            "id": "msg_1",
            "role": "user",
            "content": [{"type": "input_text", "text": prompt}],
            "internal_chat_message_metadata_passthrough": {"turn_id": "t"},
        }
    ]
    extra = {"client_metadata": {"session": "s"}}
    tools: Any = [*TOOLS, {"type": "web_search", "external_web_access": False}]
    more: Any = {"tools": tools, "store": False, "include": ["reasoning.encrypted_content"]}
    told = await events(sdk, "cut", asks, reasoning={"summary": "auto"}, extra_body=extra, **more)
    whole: Any = told[-1].response  # type: ignore[union-attr]
    assert told[-1].type == "response.completed"
    assert len(text_of(told).split()) == 40
    assert whole.output_text == text_of(told)
    assert deployment.sim_calls(prompt) == 2

"""``POST /v1/messages`` through Anthropic's official SDK: what its users see, unchanged."""

import json
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import Message, MessageParam, ToolParam

from tests.contract.conftest import ALICE
from tests.contract.raw import data_of, events_of, fetch, ids_of, without_pings
from tests.deployment import Deployment

QUICK = "sim-messages/tokens=12,interval=1ms"
TOOLS: list[ToolParam] = [{"name": "search", "input_schema": {"type": "object"}}]


def asked(model: str, prompt: str, **more: Any) -> dict[str, Any]:
    messages: list[MessageParam] = [{"role": "user", "content": prompt}]
    return {"model": model, "max_tokens": 500, "messages": messages, **more}


async def whole(claude: AsyncAnthropic, model: str, prompt: str, **more: Any) -> Message:
    answer = await claude.messages.create(**asked(model, prompt, **more))
    assert isinstance(answer, Message)
    return answer


async def streamed(claude: AsyncAnthropic, model: str, prompt: str, **more: Any) -> Message:
    async with claude.messages.stream(**asked(model, prompt, **more)) as stream:
        return await stream.get_final_message()


def plain(message: Message) -> dict[str, Any]:
    """The message without what each call has of its own, and what the SDK adds itself."""
    found: dict[str, Any] = message.to_dict()
    for key in ("id", "stop_details"):
        found.pop(key, None)
    for block in found["content"]:
        block.pop("parsed_output", None)
    return found


@pytest.mark.parametrize(
    "model",
    [
        "tokens=12,interval=1ms",
        "tokens=12,interval=1ms,reasoning=4",
        "tokens=4,interval=0,parallel=2,reasoning=2",
        "tokens=20,interval=0,escape,crlf,comments=2,split=11",
        "tokens=0,interval=0",
    ],
)
async def test_the_provider_and_the_broker_say_the_same(
    deployment: Deployment, claude: AsyncAnthropic, prompt: str, model: str
) -> None:
    url = deployment.sim_url.removesuffix("/v1")
    async with AsyncAnthropic(base_url=url, api_key="x", max_retries=0) as direct:
        expected = plain(await streamed(direct, model, prompt, tools=TOOLS))
        expected_whole = plain(await whole(direct, model, prompt, tools=TOOLS))
    assert plain(await streamed(claude, f"sim-messages/{model}", prompt, tools=TOOLS)) == expected
    assert plain(await whole(claude, f"sim-messages/{model}", prompt, tools=TOOLS)) == expected
    assert expected == expected_whole


async def test_a_target_that_does_not_stream(claude: AsyncAnthropic, prompt: str) -> None:
    model = "tokens=4,interval=0,parallel=2,reasoning=2"
    expected = plain(await streamed(claude, f"sim-messages/{model}", prompt))
    assert plain(await streamed(claude, f"whole/{model}", prompt)) == expected
    assert plain(await whole(claude, f"whole/{model}", prompt)) == expected


async def test_models_are_listed_and_retrieved(claude: AsyncAnthropic) -> None:
    found = await claude.models.list()
    names = [model.id async for model in found]
    routes = names[: names.index("then-unasked") + 1]
    assert "plain" in routes
    assert routes == sorted(routes)
    assert (found.first_id, found.last_id, found.has_more) == (names[0], names[-1], False)
    model = await claude.models.retrieve("plain")
    assert (model.id, model.type, model.created_at.year) == ("plain", "model", 1970)
    with pytest.raises(anthropic.NotFoundError):
        await claude.models.retrieve("nobody/knows")


async def test_the_events_of_the_helpers(claude: AsyncAnthropic, prompt: str) -> None:
    async with claude.messages.stream(**asked(QUICK, prompt)) as stream:
        text = [piece async for piece in stream.text_stream]
        assert "".join(text) == await stream.get_final_text()
    assert len(text) == 12
    async with claude.messages.stream(**asked(QUICK, prompt)) as stream:
        kinds = [event.type async for event in stream]
    assert (kinds[0], kinds[-1], kinds.count("message_stop")) == (
        "message_start",
        "message_stop",
        1,
    )


async def test_the_request_id_is_the_idempotency_key(
    deployment: Deployment, claude: AsyncAnthropic, prompt: str
) -> None:
    headers = {"Idempotency-Key": prompt}
    one = await whole(claude, QUICK, prompt, extra_headers=headers)
    assert one._request_id == prompt
    again = await streamed(claude, QUICK, prompt, extra_headers=headers)
    assert plain(again) == plain(one)
    assert deployment.sim_calls(prompt) == 1


async def test_the_same_json_in_another_dialect_is_another_request(
    deployment: Deployment, claude: AsyncAnthropic, prompt: str
) -> None:
    await whole(claude, QUICK, prompt, extra_headers={"Idempotency-Key": prompt})
    body = json.dumps(asked("sim/default", prompt)).encode()
    headers = {
        "authorization": f"Bearer {ALICE}",
        "content-type": "application/json",
        "idempotency-key": prompt,
    }
    url = f"{deployment.urls[0]}/v1/chat/completions"
    response, _ = await fetch("POST", url, headers=headers, body=body)
    assert response.status == 422


# ── Errors ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (404, anthropic.NotFoundError),
        (413, anthropic.APIStatusError),
        (429, anthropic.RateLimitError),
    ],
)
async def test_a_providers_refusal_passes_through(
    claude: AsyncAnthropic, prompt: str, status: int, error: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        await streamed(claude, f"sim-messages/status={status},retryafter=0.01", prompt)
    assert caught.value.status_code == status
    assert isinstance(caught.value.body, dict)
    assert "on purpose" in caught.value.body["error"]["message"]
    assert caught.value.request_id


@pytest.mark.parametrize(("status", "kind"), [(529, "overloaded_error"), (500, "api_error")])
async def test_a_provider_that_is_overloaded_is_asked_again(
    deployment: Deployment, claude: AsyncAnthropic, prompt: str, status: int, kind: str
) -> None:
    ours = {"x-streamhold-caller-retries": "false"}  # else the SDK's own tries are enough
    with pytest.raises(anthropic.InternalServerError) as caught:
        await whole(claude, f"sim-messages/status={status}", prompt, extra_headers=ours)
    assert caught.value.status_code == 502
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["type"] == kind
    assert ("on purpose" in caught.value.body["error"]["message"]) == (status == 529)
    assert deployment.sim_calls(prompt) == 3


async def test_our_own_errors_have_the_dialects_shape(
    deployment: Deployment, claude: AsyncAnthropic, prompt: str
) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        await whole(claude, QUICK, prompt, max_tokens="many")
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    assert caught.value.body["error"]["param"] == "max_tokens"
    with pytest.raises(anthropic.NotFoundError):
        await whole(claude, "nobody/knows", prompt)
    with pytest.raises(anthropic.BadRequestError, match="top_k"):
        await whole(claude, "plain", prompt, extra_body={"top_k": 3})  # which chat has not
    url = deployment.urls[0]
    async with AsyncAnthropic(base_url=url, api_key="wrong", max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError) as refused:
            await whole(stranger, QUICK, prompt)
    assert refused.value.request_id
    assert deployment.sim_calls(prompt) == 0


@pytest.mark.parametrize("fault", ["dropafter", "eofafter", "errorafter", "garbleafter"])
async def test_a_failure_in_mid_stream_raises(
    claude: AsyncAnthropic, prompt: str, fault: str
) -> None:
    seen: list[str] = []

    async def read() -> None:
        model = f"sim-messages/tokens=12,interval=1ms,{fault}=5"
        async with claude.messages.stream(**asked(model, prompt)) as stream:
            async for text in stream.text_stream:
                seen.append(text)

    with pytest.raises(anthropic.APIStatusError) as caught:
        await read()
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "error"
    assert len(seen) == 5


async def test_a_retry_of_the_sdk_gets_the_answer(claude: AsyncAnthropic, prompt: str) -> None:
    model = "sim-messages/tokens=5,interval=0,status=529,failfirst=2"
    answer = await streamed(claude.with_options(max_retries=2), model, prompt)
    assert answer.stop_reason == "end_turn"


# ── Resuming, by raw HTTP ──────────────────────────────────────────────────────────────


async def post(
    deployment: Deployment, request: dict[str, Any], prompt: str, after: int | None = None
) -> tuple[int, bytes]:
    headers = {"x-api-key": ALICE, "content-type": "application/json", "idempotency-key": prompt}
    if after is not None:
        headers["last-event-id"] = str(after)
    response, body = await fetch(
        "POST",
        f"{deployment.urls[0]}/v1/messages",
        headers=headers,
        body=json.dumps(request).encode(),
    )
    assert response.headers["request-id"] == response.headers["x-request-id"] == prompt
    assert response.clean
    return response.status, without_pings(body)


@pytest.mark.parametrize("model", [QUICK, "whole/tokens=5,interval=0,reasoning=2"])
async def test_from_every_cursor_the_rest_is_the_same(
    deployment: Deployment, prompt: str, model: str
) -> None:
    request = asked(model, prompt, stream=True)
    _, body = await post(deployment, request, prompt)
    events = events_of(body)
    ids = ids_of(events)
    assert ids == sorted(ids)
    assert [data_of(event)["type"] for event in (events[0], events[-1])] == [
        "message_start",
        "message_stop",
    ]
    for cursor in {0, *ids[:-1]}:
        rest = b"".join(event for event, each in zip(events, ids, strict=True) if each > cursor)
        status, got = await post(deployment, request, prompt, cursor)
        assert status == 200
        # Of a whole answer the events stay together: who has not all of them gets all again.
        assert got == (rest if model == QUICK else got)
        assert got.endswith(rest)
    assert await post(deployment, request, prompt, ids[-1]) == (204, b"")
    assert deployment.sim_calls(prompt) == 1


async def test_a_late_failure_is_the_terminal(deployment: Deployment, prompt: str) -> None:
    request = asked("sim-messages/tokens=12,interval=1ms,dropafter=5", prompt, stream=True)
    _, body = await post(deployment, request, prompt)
    *_, last = events_of(body)
    assert b"\nevent: error\n" in last
    error = data_of(last)["error"]
    assert (error["type"], error["failure"]) == ("api_error", "provider_cut")


async def test_jobs_speak_it_too(deployment: Deployment, prompt: str) -> None:
    headers = {"x-api-key": ALICE, "content-type": "application/json"}
    job = {"request_id": prompt, "dialect": "messages", "request": asked(QUICK, prompt)}
    url = f"{deployment.urls[0]}/v1/jobs"
    response, _ = await fetch("POST", url, headers=headers, body=json.dumps(job).encode())
    assert response.status == 202
    response, body = await fetch("GET", f"{url}/{prompt}/result?wait=20", headers=headers)
    assert response.status == 200
    assert json.loads(body)["stop_reason"] == "end_turn"
    _, events = await fetch("GET", f"{url}/{prompt}/events", headers=headers)
    names = [event.split(b"event: ")[1].split(b"\n")[0] for event in events_of(events)]
    assert (names[0], names[1], names[-2], names[-1]) == (
        b"attempt",
        b"message_start",
        b"message_stop",
        b"end",
    )


# ── Counting tokens ────────────────────────────────────────────────────────────────────


async def test_tokens_are_counted_by_the_provider(
    deployment: Deployment, claude: AsyncAnthropic, prompt: str
) -> None:
    messages: list[MessageParam] = [{"role": "user", "content": f"{prompt} and more"}]
    counted = await claude.messages.count_tokens(model=QUICK, messages=messages)
    assert counted.input_tokens == 3
    assert deployment.sim_calls(f"{prompt} and more") == 0


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("sim-messages/status=400", 400),
        ("sim-messages/status=429", 429),
        ("sim-messages/status=401", 502),
        ("sim-messages/status=529", 502),
        ("sim-messages/drop", 502),
        ("sim-messages/contenttype=html", 502),
        ("nobody/knows", 404),
    ],
)
async def test_what_counting_meets(
    claude: AsyncAnthropic, prompt: str, model: str, status: int
) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        await claude.messages.count_tokens(
            model=model, messages=[{"role": "user", "content": prompt}]
        )
    assert caught.value.status_code == status
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "error"

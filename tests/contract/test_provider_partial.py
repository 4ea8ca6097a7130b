"""What a provider is sent that is to go on from a partial answer, whichever dialect asked."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from broker.dialects.registry import DIALECTS
from broker.dialects.responses.event import made_frame
from broker.frames import Frame
from broker.settings import Provider as ProviderSettings
from tests.contract.upstream import CHUNKED, LAST_CHUNK, PATIENT, Upstream, chunk, says
from tests.unit import generate_rig
from tests.unit.messages_streams import frames_of, start, text
from tests.unit.neutral_streams_more import given
from tests.unit.responses_streams import added, at, created, delta, message
from workers.joining import Joining
from workers.providers.base import Call, ProviderFailure, Reply
from workers.providers.chat import ChatProvider
from workers.providers.gemini import GeminiProvider
from workers.providers.messages import MessagesProvider
from workers.providers.translated import speaking

USER = {"role": "user", "content": "?"}
BEGUN: dict[str, Callable[[str], list[Frame]]] = {
    "chat": generate_rig.chunk,
    "messages": lambda said: frames_of([start(), *text(0, said)[:-1]]),
    "responses": lambda said: [
        made_frame(event)
        for event in (
            created(),
            added(0, **message(0)),
            at("content_part.added", part=0) | {"part": {"type": "output_text", "text": ""}},
            delta(said),
        )
    ],
}
ASKED: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "messages": [USER], "max_tokens": 99, "reasoning_effort": "low"},
    "messages": {
        "model": "m",
        "messages": [USER],
        "max_tokens": 99,
        "thinking": {"type": "adaptive"},
    },
    "responses": {
        "model": "m",
        "input": "?",
        "max_output_tokens": 99,
        "reasoning": {"effort": "low"},
    },
}
PROVIDERS: dict[str, Any] = {
    "chat": ChatProvider,
    "messages": MessagesProvider,
    "gemini": GeminiProvider,
}
MESSAGES_SAY: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "1", "model": "m", "content": [], "usage": {}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " b"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
    {"type": "message_stop"},
]


async def go_on(
    upstream: Upstream,
    session: aiohttp.ClientSession,
    caller: str,
    spoken: str,
    said: str,
    flag: bool | str = True,
) -> tuple[dict[str, Any], str]:
    """The body that was sent, and what the reader has in the end."""
    dialect = DIALECTS[caller]
    begun = BEGUN[caller](said)
    transcript = dialect.transcript(begun)
    assert transcript.prefillable
    joining = Joining(dialect, transcript, "continue", None)
    settings = ProviderSettings(base_url=upstream.url)
    provider = speaking(PROVIDERS[spoken]("p", settings, None, session), spoken, caller)
    request = joining.request(ASKED[caller])
    call = Call("r1", "m", request, timeouts=PATIENT, key="k" * 20, partial=flag)
    told = list(begun)
    with contextlib.suppress(ProviderFailure):  # what it is asked may be all there is to see
        async for frames in provider.stream(call, Reply()):
            told += joining.join(frames)
    again: Any = dialect.transcript(told)
    heard = "".join(again.texts()) if caller == "messages" else again.text()
    return json.loads(upstream.requests[0][2]), heard


@pytest.mark.parametrize("flag", [True, "prefix"])
@pytest.mark.parametrize("spoken", ["chat", "messages"])
@pytest.mark.parametrize("caller", BEGUN)
async def test_the_flag_is_set_in_the_last_message_that_the_provider_gets(
    upstream: Upstream, session: aiohttp.ClientSession, caller: str, spoken: str, flag: bool | str
) -> None:
    upstream.script = says(CHUNKED, LAST_CHUNK)
    body, _ = await go_on(upstream, session, caller, spoken, "Hel", flag)
    last = {"role": "assistant", "content": "Hel"}
    if caller == spoken == "messages":
        assert body["messages"][0] == USER
    assert body["messages"][-1] == (last | {"prefix": True} if flag == "prefix" else last)
    assert "thinking" not in body
    limit = body.get("max_tokens") or body.get("max_completion_tokens")
    assert limit == 98


@pytest.mark.parametrize("caller", BEGUN)
async def test_gemini_gets_it_as_the_models_turn(
    upstream: Upstream, session: aiohttp.ClientSession, caller: str
) -> None:
    event = given({"text": " b"}, finish="STOP")
    told = b"data: " + json.dumps(event).encode() + b"\r\n\r\n"
    upstream.script = says(CHUNKED, chunk(told), LAST_CHUNK)
    body, heard = await go_on(upstream, session, caller, "gemini", "a")
    assert body["contents"][-1] == {"role": "model", "parts": [{"text": "a"}]}
    assert heard == "a b"


@pytest.mark.parametrize(("said", "sent"), [("a \n", "a"), ("a", "a"), (" \n", None)])
@pytest.mark.parametrize("caller", ["chat", "responses"])
async def test_messages_takes_none_that_ends_in_white_space(
    upstream: Upstream, session: aiohttp.ClientSession, caller: str, said: str, sent: str | None
) -> None:
    told = b"".join(
        b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), json.dumps(event).encode())
        for event in MESSAGES_SAY
    )
    upstream.script = says(CHUNKED, chunk(told), LAST_CHUNK)
    body, heard = await go_on(upstream, session, caller, "messages", said, "prefix")
    last = {"role": "assistant", "content": sent, "prefix": True}
    assert body["messages"][1:] == ([] if sent is None else [last])
    # The space that the model says again is swallowed, as far as it is the same.
    assert heard == (f"{said} b" if said.endswith("\n") else f"{said}  b")

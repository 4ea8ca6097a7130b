"""Whole answers that are told as events, each of which may hold all of it: a piece at a time."""

import json
from typing import Any

import pytest

from broker.dialects.responses import Inbound
from workers.providers.base import ProviderFailure, Reply
from workers.providers.responses_decoder import decode_whole
from workers.providers.slices import in_groups
from workers.providers.splitter import LIMIT

OURS = "resp_0123456789abcdefghij"


def response(text: str, **more: Any) -> bytes:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}
    return json.dumps(
        {"id": "resp_1", "object": "response", "status": "completed", "output": [item], **more}
    ).encode()


def test_no_more_of_it_is_made_than_is_given() -> None:
    reply, text = Reply(), "x" * 1_000_000
    groups = in_groups(decode_whole(response(text), reply, Inbound(OURS, {})))
    first = next(groups)
    assert sum(len(frame.body) for frame in first) < 1_100_000  # up to the text's first telling
    told = reply.events
    rest = list(groups)
    assert told == len(first)
    assert [len(group) for group in rest] == [1] * len(rest)  # each of these holds the text
    assert reply.ending == rest[-1][-1]
    assert reply.events == sum(map(len, [first, *rest]))


def test_one_that_no_event_can_hold_is_refused_before_anything_is_told() -> None:
    with pytest.raises(ProviderFailure) as failed:
        decode_whole(response("x" * LIMIT), Reply(), Inbound(OURS, {}))
    failure = failed.value.failure
    assert (failure.type, failure.code) == ("provider_garbled", "body_too_large")


def test_the_last_event_of_one_that_failed_is_kept() -> None:
    reply = Reply()
    body = response("", status="failed", error={"code": "server_error", "message": "Broken."})
    with pytest.raises(ProviderFailure):
        decode_whole(body, reply, Inbound(OURS, {}))
    assert reply.parting is not None
    assert b"response.failed" in reply.parting.body

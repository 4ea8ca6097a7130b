"""Responses as they are retrieved, their ids, and what is asked of a request."""

from typing import Any

import pytest

from broker.dialects.responses import check
from broker.dialects.responses.dialect import RESPONSES
from broker.dialects.responses.resource import input_items, resource
from broker.errors import BadRequest
from broker.model import Failure, Job, JobState, job_key

KEY = job_key("account", "request")
NAME = f"resp_{KEY}{'x' * 20}"


def job(state: JobState, **more: Any) -> Job:
    return Job(KEY, "a", "r", "responses", "m", state, 1_700_000_000_500, **more)


def test_a_queued_response_is_made_of_its_request() -> None:
    request = {"model": "m", "input": "x", "background": True, "metadata": {"a": "b"}}
    shown = resource(NAME, job(JobState.QUEUED), request, {})
    assert shown["id"] == NAME
    assert (shown["status"], shown["background"], shown["output"]) == ("queued", True, [])
    assert (shown["created_at"], shown["model"]) == (1_700_000_000, "m")
    assert (shown["metadata"], shown["tools"], shown["error"]) == ({"a": "b"}, [], None)


def test_a_running_one_is_what_came_of_it() -> None:
    answer = {"id": "resp_x", "status": "queued", "output": [{"id": "msg"}], "tools": [1]}
    shown = resource(NAME, job(JobState.RUNNING), {"tools": []}, answer)
    assert shown["status"] == "in_progress"
    assert (shown["id"], shown["output"], shown["tools"]) == ("resp_x", [{"id": "msg"}], [1])


def test_a_completed_one_is_its_answer() -> None:
    assert resource(NAME, job(JobState.COMPLETED), {}, {"status": "incomplete"}) == {
        "status": "incomplete"
    }


def test_a_failed_one_says_why() -> None:
    failure = Failure("provider_cut", "It broke off.")
    shown = resource(NAME, job(JobState.FAILED, error=failure), {}, {"error": None})
    assert shown["status"] == "failed"
    assert shown["error"] == {"code": "provider_cut", "message": "It broke off."}
    own = {"code": "server_error", "message": "Mine."}
    assert resource(NAME, job(JobState.FAILED, error=failure), {}, {"error": own})["error"] == own


def test_a_cancelled_one_has_no_error() -> None:
    shown = resource(NAME, job(JobState.CANCELLED, error=Failure("cancelled", "x")), {}, {})
    assert (shown["status"], shown["error"]) == ("cancelled", None)


def test_input_items_have_ids_that_stay() -> None:
    call = {"type": "function_call_output", "call_id": "c", "output": "4"}
    mine = {"type": "message", "id": "msg_mine", "role": "user", "content": [{"type": "x"}]}
    said = {"role": "assistant", "content": "yes"}
    items = input_items("resp_k", {"input": ["hi", call, mine, said, {"id": "rs_1"}]})
    assert [item["id"] for item in items] == [
        "msg_k0000",
        "fco_k0001",
        "msg_mine",
        "msg_k0003",
        "rs_1",
    ]
    assert items[0]["content"] == [{"type": "input_text", "text": "hi"}]
    assert items[3]["content"] == [{"type": "output_text", "text": "yes"}]
    assert items[4]["type"] == "item_reference"
    assert items == input_items("resp_k", {"input": ["hi", call, mine, said, {"id": "rs_1"}]})
    assert input_items("resp_k", {}) == []


@pytest.mark.parametrize(
    "request_",
    [
        {"model": "m"},
        {"model": "m", "input": "x", "stream": None, "background": True},
        {"model": "m", "input": [{"anything": 1}], "unheard_of": [1]},
        {"model": "m", "previous_response_id": "resp_of_somebody", "store": False},
    ],
)
def test_requests_that_are_taken(request_: dict[str, Any]) -> None:
    check(request_)


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        ({}, "model"),
        ({"model": ""}, "model"),
        ({"model": "m" * 513}, "model"),
        ({"model": "m", "input": 5}, "input"),
        ({"model": "m", "input": ["x", 5]}, "input[0]"),
        ({"model": "m", "stream": 1}, "stream"),
        ({"model": "m", "store": "no"}, "store"),
        ({"model": "m", "background": True, "store": False}, "store"),
        ({"model": "m", "stream_options": []}, "stream_options"),
        ({"model": "m", "previous_response_id": 7}, "previous_response_id"),
    ],
)
def test_requests_that_are_refused(request_: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check(request_)
    assert caught.value.param == param


def test_what_a_request_follows_and_whether_it_is_kept() -> None:
    assert RESPONSES.follows({"previous_response_id": NAME}) == NAME
    assert RESPONSES.follows({"previous_response_id": "resp_" + "0" * 48}) is None
    assert RESPONSES.follows({}) is None
    assert RESPONSES.keeps({})
    assert not RESPONSES.keeps({"store": False})

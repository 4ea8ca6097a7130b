"""A response that is not generated (``generate: false``): a name for the next one to go on from.

No job is made of it and no provider hears of it: what it was asked with is kept by its connection
(``broker.api.conversations``). What is wrong with it is said now rather than at the next turn.
"""

import time
from typing import Any

import msgspec

from broker.api.core import Core
from broker.dialects.body import decode_object
from broker.dialects.model_name import check_model
from broker.dialects.responses.dialect import RESPONSES
from broker.dialects.responses.resource import resource, said_again
from broker.dialects.wire import encode
from broker.model import Job, JobState
from broker.offload.size import is_large
from broker.routing import policy_for

_NO_USAGE = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


class _Named(msgspec.Struct):
    model: Any = None


def warmed(core: Core, name: str, previous: str | None, body: bytes) -> list[bytes]:
    """The events of such a response, by its id: that it began, and that it is complete.

    Raises:
        BadRequest: the request is wrong. UnknownModel: no such model.
    """
    if is_large(body):  # then what is long in it is looked at with the next turn
        model = msgspec.json.decode(body, type=_Named).model
        check_model(model)
    else:
        request = decode_object(body)
        RESPONSES.check(request)
        model = request["model"]
    policy_for(core.settings, model)
    now_ms = round(time.time() * 1000)
    job = Job(
        key="",
        account="",
        request_id=name,
        dialect=RESPONSES.name,
        model=model,
        state=JobState.RUNNING,
        created_ms=now_ms,
        digest="",
    )
    response = resource(name, job, said_again(body), {})
    response["previous_response_id"] = previous
    end = {"status": "completed", "completed_at": now_ms // 1000, "usage": _NO_USAGE}
    return [
        _event("response.created", 1, response),
        _event("response.completed", 2, {**response, **end}),
    ]


def _event(kind: str, number: int, response: dict[str, Any]) -> bytes:
    return encode({"type": kind, "sequence_number": number, "response": response})

"""The body of a call that is passed on: its model, and all the rest as it came."""

from typing import NamedTuple

from broker.dialects.body import decode_object
from broker.dialects.kept import named_in
from broker.dialects.model_name import check_model
from broker.dialects.wire import encode
from broker.errors import BadRequest


class PassedCall(NamedTuple):
    """``rest`` is an object that is not empty; ``names`` where it names what a provider keeps."""

    model: str
    rest: bytes
    names: str | None


def passed_call(dialect: str, body: bytes | bytearray) -> PassedCall:
    """Take a body apart.

    Raises:
        BadRequest: it is no JSON object, has no model, or nothing beside it.
    """
    call = decode_object(body)
    model = call.pop("model", None)
    check_model(model)
    if not call:
        raise BadRequest("There is nothing but a model.")
    names = named_in(dialect, call)
    if names is None and dialect == "responses" and call.get("previous_response_id"):
        names = "previous_response_id"  # ours, which no provider knows
    return PassedCall(model, encode(call), names)

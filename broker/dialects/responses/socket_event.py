"""What a client sends over a Responses WebSocket, as far as the broker reads it.

An event is a JSON object with a ``type``. ``response.create`` is the body of ``POST
/v1/responses`` beside fields of its own (``stream_id``, ``generate``, and ours, which resume). It
is taken apart without decoding its values: they may be large.
"""

import re
from typing import Any

import msgspec

from broker.dialects.wire import encode
from broker.errors import BadRequest, BadRequestId
from broker.model import REQUEST_ID

CREATE = "response.create"
RESUME = "response.resume"
# Said by clients about what they have received; nothing follows from it here.
_NOTES = ("response.processed",)
_LONGEST_LANE = 128  # characters
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}\Z")
_OWN = ("type", "stream_id", "generate", "idempotency_key", "starting_after", "stream")

Raws = dict[str, msgspec.Raw]
_fields = msgspec.json.Decoder(Raws).decode


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An event. ``rest`` is the request without its ``input``, which is ``input``: both JSON.

    ``previous`` and ``store`` are in ``rest`` too. ``key`` and ``after`` say which response, and
    from where; of a ``response.resume`` the response is ``response_id``.
    """

    kind: str
    lane: str | None = None
    key: str | None = None
    after: int | None = None
    generate: bool = True
    previous: str | None = None
    store: bool = True
    response_id: str = ""


class Parts(msgspec.Struct, frozen=True):
    """An event taken apart. Empty ``input``: the request has none."""

    asked: Asked
    input: bytes = b""
    rest: bytes = b"{}"


def is_note(kind: str) -> bool:
    """Whether an event of this type asks for nothing."""
    return kind in _NOTES


def lane_in(data: bytes | bytearray) -> str | None:
    """The lane of an event that may be wrong otherwise: its error is told there."""
    try:
        value = _value(_fields(data), "stream_id", str | None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadRequest):
        return None
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_LANE else None


def parts_of(data: bytes | bytearray) -> Parts:
    """Take an event apart.

    Raises:
        BadRequest: it is not JSON, or a field that is read here is wrong.
    """
    try:
        fields = _fields(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(
            f"The message is no JSON object: {error or 'nested too deeply'}."
        ) from error
    kind = _value(fields, "type", str | None)
    lane = _value(fields, "stream_id", str | None)
    if lane is not None and not 0 < len(lane) <= _LONGEST_LANE:
        raise BadRequest(f"It has 1 to {_LONGEST_LANE} characters.", param="stream_id")
    if is_note(str(kind)):
        return Parts(Asked(kind=str(kind), lane=lane))
    after = _value(fields, "starting_after", int | None)
    if after is not None and after < 0:
        raise BadRequest("It is a number of this response's events.", param="starting_after")
    if kind == RESUME:
        response_id = _value(fields, "response_id", str | None)
        if response_id is None or not _ID.match(response_id):
            raise BadRequest("It names the response to go on with.", param="response_id")
        return Parts(Asked(kind=RESUME, lane=lane, after=after, response_id=response_id))
    if kind != CREATE:
        what = f"{kind[:100]!r}" if kind else "an event without one"
        raise BadRequest(f"'{CREATE}' and '{RESUME}' are taken, not {what}.", param="type")
    return _create(fields, lane, after)


def _create(fields: Raws, lane: str | None, after: int | None) -> Parts:
    if _value(fields, "background", bool | None):
        raise BadRequest("A WebSocket's responses are not in the background.", param="background")
    key = _value(fields, "idempotency_key", str | None)
    if key is not None and not REQUEST_ID.match(key):
        raise BadRequestId(param="idempotency_key")
    if after is not None and key is None:
        raise BadRequest("It needs the 'idempotency_key' of a response.", param="starting_after")
    generate = _value(fields, "generate", bool | None) is not False
    asked = Asked(
        kind=CREATE,
        lane=lane,
        key=key,
        after=after,
        generate=generate,
        previous=_value(fields, "previous_response_id", str | None),
        store=_value(fields, "store", bool | None) is not False,
    )
    given = bytes(fields.pop("input", b""))
    rest: dict[str, Any] = {key: raw for key, raw in fields.items() if key not in _OWN}
    rest["stream"] = True
    return Parts(asked, b"" if given == b"null" else given, encode(rest))


def _value(fields: Raws, name: str, kind: Any) -> Any:
    if name not in fields:
        return None
    try:
        return msgspec.json.decode(fields[name], type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"{name!r} has a wrong type.", param=name) from error


# ── A conversation's items, which go on from turn to turn as JSON ────────────────────────


def items_of(given: bytes) -> bytes:
    """The items of an ``input``, without the brackets around them.

    Raises:
        BadRequest: it is neither a text nor a list.
    """
    given = given.strip()
    if given[:1] == b'"':
        return b'{"type":"message","role":"user","content":%b}' % given
    if given and given[:1] != b"[":
        raise BadRequest("'input' must be a text or a list.", param="input")
    return given[1:-1].strip()


def joined(items: list[bytes]) -> bytes:
    """Lists of items as one."""
    return b",".join(filter(None, items))


def body_of(rest: bytes, given: bytes) -> bytes:
    """The body of a request with this ``input``, as JSON; without one if that is empty."""
    if not given:
        return rest
    return b'{"input":%b,%b' % (given, rest[1:])  # there is always ``stream`` in the rest


def replaced(rest: bytes, previous: str | None) -> bytes:
    """The request with another response before it, or none."""
    fields: dict[str, Any] = dict(_fields(rest))
    fields.pop("previous_response_id", None)
    if previous is not None:
        fields["previous_response_id"] = previous
    return encode(fields)


def going_on_from(event: bytes, previous: str) -> bytes:
    """An event that holds a response, which says what it goes on from."""
    fields = _fields(event)
    try:
        response: dict[str, Any] = dict(_fields(fields["response"]))
    except (KeyError, msgspec.DecodeError):
        return event
    response["previous_response_id"] = previous
    return encode({**fields, "response": response})


class _Response(msgspec.Struct):
    id: str = ""
    output: list[msgspec.Raw] = []


class _Ending(msgspec.Struct):
    response: _Response


class _Item(msgspec.Struct):
    type: str = ""
    encrypted_content: str | None = None


def answered(data: bytes) -> tuple[str, bytes]:
    """The id and the output of the response that an event ends, the output as items of an input.

    Thoughts are left out that nobody can read again; ids of items too, for nobody keeps them.
    """
    response = msgspec.json.decode(data, type=_Ending).response
    return response.id, joined([_again(bytes(item)) for item in response.output])


def _again(item: bytes) -> bytes:
    kind = msgspec.json.decode(item, type=_Item)
    if kind.type == "reasoning":
        return item if kind.encrypted_content else b""
    fields = _fields(item)
    fields.pop("id", None)
    return encode(fields)

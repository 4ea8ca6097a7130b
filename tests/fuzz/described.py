"""Requests made of the description by schemathesis, fair and foul, in every operation.

What it draws is steered a little, or nearly all of it would be refused at the same few
places: most calls have the intruder's key, some names are those of jobs that there are, and
a model that is well formed is one that answers. A body it makes is still its own elsewhere.
"""

import json
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from tests.fuzz.drawing import draw, shares
from tests.fuzz.request import Header, Request
from tests.fuzz.scene import INTRUDERS_KEY, MODELS, PROMPT_MARK, Scene

_MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
_OWN = (b"user-agent", b"accept-encoding", b"accept", b"connection", b"x-schemathesis-testcaseid")
TELLING = frozenset((200, 201, 202, 204, 409, 410, 422))  # of another account's job
_WEIGHTS = {"post": 3, "get": 2, "delete": 1}

callers: st.SearchStrategy[tuple[Header, ...]] = st.sampled_from(
    [
        *[((b"authorization", b"Bearer " + INTRUDERS_KEY.encode()),)] * 8,
        *[((b"x-api-key", INTRUDERS_KEY.encode()),)] * 4,
        (),
        ((b"authorization", b"Bearer key-of-nobody"),),
    ]
)


def described(scene: Scene, document: dict[str, Any], count: int, number: int) -> list[Request]:
    """About ``count`` requests; operations that take nothing have but one."""
    schema = schemathesis.openapi.from_dict(document)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    weights = [_WEIGHTS[operation.method] if _takes(operation) else 0 for operation in operations]
    made: list[Request] = []
    for operation, share in zip(operations, shares(count, weights), strict=True):
        for mode in _MODES:
            made += draw(_calls(scene, operation, mode), max(4, share // 2), number)
    return made


def _ends(case: Any) -> bool:
    """Whether the call may end a job: most of the intruder's own shall be there till the end."""
    return case.method == "DELETE" or str(case.path).endswith("/cancel")


def _takes(operation: Any) -> bool:
    return bool(operation.body or operation.path_parameters or operation.query)


def _calls(scene: Scene, operation: Any, mode: GenerationMode) -> st.SearchStrategy[Request]:
    names = st.sampled_from([None, None, *scene.own, *scene.names])
    return st.builds(
        lambda case, caller, name, model: _request(
            f"described, {mode.value}", case, caller, name, model
        ),
        operation.as_strategy(generation_mode=mode),
        callers,
        names,
        st.sampled_from([None, *MODELS]),
    )


def _request(
    generator: str, case: Any, caller: tuple[Header, ...], name: str | None, model: str | None
) -> Request:
    if model is not None and case.method == "POST":
        case.headers.pop("Last-Event-ID", None)  # which would never create
    foreign = False
    if name is not None and "request_id" in (case.path_parameters or {}):
        if _ends(case) and name.startswith("own-"):
            name = "own-completed-2"
        case.path_parameters["request_id"] = name
        foreign = name.startswith("shop-")
    prepared = _prepared(case)
    parts = urlsplit(str(prepared.url))
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    body = prepared.body or b""
    headers = tuple(
        (_bytes(key), _bytes(value))
        for key, value in prepared.headers.items()
        if _bytes(key).lower() not in (*_OWN, b"content-length", b"transfer-encoding")
    )
    return Request(
        generator,
        str(prepared.method).encode(),
        quote(target, safe="%/:?#[]@!$&'()*+,;=~-._").encode(),
        (*headers, *caller),
        _steered(body if isinstance(body, bytes) else str(body).encode(), model),
        legal=all(_is_legal(value) for _, value in headers),
        never=TELLING if foreign else frozenset(),
    )


def _prepared(case: Any) -> requests.PreparedRequest:
    """What schemathesis would send; header values that ``requests`` refuses are put in later."""
    words = case.as_transport_kwargs(base_url="http://host")
    headers = words.pop("headers")
    prepared = requests.Request(**words).prepare()
    for key, value in headers.items():
        prepared.headers[key] = value
    return prepared


def _steered(body: bytes, model: str | None) -> bytes:
    """The body, with a model that answers in place of one that is well formed."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return body
    request = value.get("request", value) if isinstance(value, dict) else None
    if model is None or not isinstance(request, dict) or not isinstance(request.get("model"), str):
        return body
    request["model"] = model
    messages = request.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[0], dict):
        messages[0].setdefault("content", PROMPT_MARK)
    return json.dumps(value).encode()


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin1", "replace")


def _is_legal(value: bytes) -> bool:
    return value == value.strip(b" \t") and all(c == 9 or 32 <= c != 127 for c in value)

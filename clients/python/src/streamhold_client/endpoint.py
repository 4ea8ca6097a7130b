"""What the client of jobs says to a server, and how it takes refusals. No I/O."""

import json
import time
from typing import Any

import httpx2

from streamhold_client.answer import Head, is_good
from streamhold_client.call import Call
from streamhold_client.errors import Refused, Unreachable, refusal
from streamhold_client.httpx2 import FAULTS
from streamhold_client.jobs import Ask
from streamhold_client.outage import Outage
from streamhold_client.patient import AFTER, SILENCE
from streamhold_client.sse import Block
from streamhold_client.surface import native_ends
from streamhold_client.track import Track

_WAIT = 30.0  # seconds that a server is asked to hold one question for a result
_TIMEOUT = httpx2.Timeout(10, read=SILENCE)


class Endpoint:
    """A server, an account's key, and patience in seconds."""

    def __init__(self, base_url: str, api_key: str | None, patience: float) -> None:
        self._base = base_url.rstrip("/").removesuffix("/v1")
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._patience = patience
        self.met: bool | None = None  # True once anything answered: until then it may not be there

    def call(self, after: int = 0) -> Call:
        call = Call(None, FAULTS, Outage(self._patience), Track(native_ends, after))
        call.met, call.guarded, call.insists = self.met, True, True
        call.refuse = _refuse
        return call

    def request(self, ask: Ask, after: int) -> httpx2.Request:
        headers = dict(self._headers)
        if ask.body is not None:
            headers["content-type"] = "application/json"
        if after:
            headers[AFTER] = str(after)
        url, extensions = self._base + ask.path, {"timeout": _TIMEOUT.as_dict()}
        return httpx2.Request(
            ask.method, url, headers=headers, content=ask.body, extensions=extensions
        )


def wait_until(end: float | None) -> float:
    """Seconds to ask a server to wait."""
    return _WAIT if end is None else round(max(0.0, min(_WAIT, end - time.monotonic())), 3)


def decoded(body: bytes) -> Any:
    """The JSON of a good answer."""
    try:
        return json.loads(body)
    except ValueError as error:
        raise Unreachable("what answers there is not Streamhold") from error


def is_pending(said: Any) -> bool:
    """Whether it is a job, and not yet its answer."""
    return isinstance(said, dict) and said.get("object") == "job"


def why(error: Exception) -> str:
    return str(error) or type(error).__name__


def refused(head: Head, body: bytes) -> Refused:
    try:
        said = json.loads(body)
    except ValueError:
        said = {}
    return refusal(head.status_code, said if isinstance(said, dict) else {})


def _refuse(head: Head, body: bytes) -> list[Block]:
    if is_good(head):
        raise FAULTS.cut("a stream was broken off, and something else came in its place")
    raise refused(head, body)

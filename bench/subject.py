"""What is measured: a chat endpoint, and the processes that answer behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from bench.client import Pool

_PROMPT = "Say something that is worth measuring."


@dataclass(frozen=True)
class Subject:
    """One endpoint. ``base_url`` ends in ``/v1``; ``pids`` are what its CPU is counted over.

    ``prefix`` stands before the simulator's model name, and ``comma`` for every comma in it.
    ``following`` is the path of a stream from a cursor on, if streams can be followed at all, and
    ``front`` the process that serves its readers. With ``submits`` a job needs no caller that
    waits. ``strong`` are those that stand the loads of
    thousands of streams. ``pool`` is the client's connections.
    """

    name: str
    base_url: str
    prefix: str
    pids: Mapping[str, int]
    comma: str = ","
    following: str = ""  # under the base URL, with {id} and {after}
    front: str = ""
    submits: bool = False
    strong: bool = False
    pool: Pool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pool", Pool(self.host, self.port))

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.base_url).port or 80

    def chat(self, model: str, request_id: str = "") -> bytes:
        """A streaming chat call of a simulator's model; with an id its stream can be followed."""
        return self.request("POST", "/chat/completions", self._call(model), request_id)

    def submit(self, model: str, request_id: str) -> bytes:
        """A job that nobody waits for; Streamhold only."""
        body = {"request_id": request_id, "dialect": "chat", "request": self._call(model)}
        return self.request("POST", "/jobs", body)

    def events(self, request_id: str, after: int = 0) -> bytes:
        """A stream from a cursor on: of Streamhold, in the native view."""
        return self.request("GET", self.following.format(id=request_id, after=after))

    def request(self, method: str, path: str, body: object = None, request_id: str = "") -> bytes:
        """A request under the base URL, as bytes."""
        content = b"" if body is None else msgspec.json.encode(body)
        head = (
            f"{method} {urlsplit(self.base_url).path}{path} HTTP/1.1\r\n"
            f"host: {self.host}:{self.port}\r\nauthorization: Bearer sk-bench\r\n"
        )
        if request_id:
            head += f"idempotency-key: {request_id}\r\n"
        if body is not None:
            head += f"content-type: application/json\r\ncontent-length: {len(content)}\r\n"
        return head.encode() + b"\r\n" + content

    def _call(self, model: str) -> dict[str, object]:
        messages = [{"role": "user", "content": _PROMPT}]
        return {
            "model": self.prefix + model.replace(",", self.comma),
            "stream": True,
            "messages": messages,
        }

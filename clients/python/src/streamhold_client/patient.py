"""What a transport does with requests before and after the wire, whichever library's. No I/O."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from streamhold_client.answer import Head, is_good
from streamhold_client.call import Call, asks_for_stream, guard, new_call
from streamhold_client.calls import RETRY_COUNT, Attempt, Calls
from streamhold_client.faults import Faults
from streamhold_client.origins import Origins
from streamhold_client.outage import PATIENCE
from streamhold_client.surface import Surface, surface_of

KEY = "idempotency-key"
AFTER = "last-event-id"
SILENCE = 45.0  # seconds; the server pings every 15


class Url(Protocol):
    @property
    def scheme(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def path(self) -> str: ...
    @property
    def query(self) -> bytes: ...


class Request(Protocol):
    """A request of either library; the transport owns it, and may change its headers."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> Url: ...
    @property
    def headers(self) -> MutableMapping[str, str]: ...
    @property
    def extensions(self) -> MutableMapping[str, Any]: ...


@dataclass
class Carried:
    """A call, the attempt of an SDK that began it, and how to ask for it again."""

    call: Call
    request: Request
    streams: bool
    silence: float
    attempt: Attempt | None

    def headers(self, after: int) -> dict[str, str]:
        """The request's headers, to go on after a cursor."""
        headers = dict(self.request.headers)
        return headers | {AFTER: str(after)} if after else headers

    def extensions(self) -> Mapping[str, Any]:
        """The request's extensions, under our own watch over silence where that is safe.

        It is where the server is known to be Streamhold (it sends pings, and the same key again
        is no second call) and the application would wait longer than we do.
        """
        extensions = self.request.extensions
        mine = guard(extensions.get("timeout", {}), self.silence)
        self.call.guarded = self.streams and self.call.met is True and mine is not None
        return {**extensions, "timeout": mine} if self.call.guarded else extensions


@dataclass
class Patient:
    """A transport's memory and its settings, in seconds."""

    faults: Faults
    patience: float = PATIENCE
    silence: float = SILENCE
    calls: Calls = field(default_factory=Calls)
    origins: Origins = field(default_factory=Origins)

    def surface(self, request: Request) -> Surface | None:
        """The surface that the request is for; None if it is none of ours to carry."""
        return surface_of(request.method, request.url.path)

    def begin(self, request: Request, surface: Surface, body: bytes) -> Carried:
        """Give the request its key, and begin its call. A GET may be repeated without one."""
        headers, attempt, key = request.headers, None, None
        if request.method == "POST":
            key = headers.get(KEY)
            if key is None:
                attempt = self.calls.begin(str(request.url), body, headers.get(RETRY_COUNT))
                key = headers[KEY] = attempt.key
        call = new_call(key, self.faults, self.patience, surface.ends, headers.get(AFTER))
        call.met = self.origins[_origin(request)]
        streams = asks_for_stream(body, request.url.query)
        if streams and call.met is not False:
            headers["accept-encoding"] = "identity"
        return Carried(call, request, streams, self.silence, attempt)

    def failed(self, carried: Carried) -> None:
        """The call got no answer."""
        if carried.attempt is not None:
            self.calls.failed(carried.attempt)

    def answered(self, carried: Carried, head: Head) -> None:
        """This is what the application gets."""
        if is_good(head) and carried.call.key is None:
            return  # whoever gave it
        if is_good(head):
            self.origins[_origin(carried.request)] = carried.call.owns(head)
        elif head.status_code >= 400:
            self.failed(carried)


def _origin(request: Request) -> tuple[str, str, int | None]:
    return request.url.scheme, request.url.host, request.url.port

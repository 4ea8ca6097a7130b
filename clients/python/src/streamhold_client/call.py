"""One call as a transport carries it: what is sent, what is ours, what can be mended. No I/O."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streamhold_client.answer import Head, is_clear, is_good, is_stream
from streamhold_client.faults import Faults
from streamhold_client.outage import Outage
from streamhold_client.place import Backwards
from streamhold_client.sse import Block
from streamhold_client.surface import Ends
from streamhold_client.track import Track

STREAMS = re.compile(rb'"stream"\s*:\s*true')
_EARLY = "the stream ended without its terminal"
SHOWN = 64 * 1024  # bytes of a refusal's body that are looked at


@dataclass
class Call:
    """A call and its state.

    ``met``: whether its server is Streamhold; None while that is not known. ``guarded``: the
    read timeout in force is ours, so that silence is a loss like any other. ``insists``: a
    passing refusal of the very first try is repeated too, instead of being left to the caller.
    """

    key: str | None  # None: whatever answers is the server
    faults: Faults
    outage: Outage
    track: Track
    met: bool | None = None
    guarded: bool = False
    insists: bool = False
    refuse: Callable[[Head, bytes], list[Block]] = field(default=lambda head, body: [])

    def owns(self, head: Head) -> bool:
        """Whether it is the answer to this call, by Streamhold."""
        known = self.key is None or head.headers.get("x-request-id") == self.key
        return is_good(head) and known

    def goes_on(self, head: Head) -> bool:
        """Whether more of the stream follows."""
        return head.status_code == 200 and self.owns(head) and is_stream(head) and is_clear(head)

    def mends(self, error: Exception) -> bool:
        """Whether to make the call again after this."""
        if self.met is False:
            return False
        if isinstance(error, self.faults.unsent):
            return self.met is True  # else it may well be a wrong address
        lost = isinstance(error, self.faults.lost)
        return lost or (self.guarded and isinstance(error, self.faults.silent))

    def take(self, data: bytes) -> list[Block]:
        """What to hand on of these bytes.

        Raises:
            the library's error, where they are not the rest of what came before.
        """
        before = self.track.cursor
        try:
            blocks = self.track.feed(data)
        except Backwards as error:
            raise self.faults.cut(str(error.__doc__)) from error
        if self.track.cursor > before:
            self.outage.progress()
        self.outage.ask(self.track.retry)
        self.track.retry = None
        return [block for block in blocks if block.raw]

    def ends(self, loss: Exception | None) -> bool:
        """Whether the stream is over, at the end of a connection; False if it has to go on.

        Raises:
            the loss, where the stream is none that could go on.
        """
        if self.track.ended:
            return True
        if self.track.transparent or (loss is not None and not self.mends(loss)):
            if loss is not None:
                raise loss
            return True
        self.track.cut()
        return False

    def early(self) -> Exception:
        """The error for a clean end of file that is no end."""
        return self.faults.cut(_EARLY)


def new_call(
    key: str | None, faults: Faults, patience: float, ends: Ends, after: str | None
) -> Call:
    """A call to a surface; ``after`` is the cursor that the application sent of its own."""
    cursor = int(after) if after is not None and after.isascii() and after.isdigit() else 0
    call = Call(key, faults, Outage(patience), Track(ends, cursor))
    call.refuse = lambda head, body: [_refusal(faults, head, body)]
    return call


def asks_for_stream(body: bytes, query: bytes = b"") -> bool:
    """Whether the JSON says ``"stream": true``; looked at in earnest only where it may.

    A GET says it in the query.
    """
    if b"stream=true" in query.split(b"&"):
        return True
    if STREAMS.search(body) is None:
        return False
    try:
        request = json.loads(body)
    except ValueError:
        return False
    return isinstance(request, dict) and request.get("stream") is True


def guard(timeouts: Mapping[str, Any], silence: float) -> dict[str, Any] | None:
    """The timeouts with ours for silence; None where the application is less patient itself."""
    read = timeouts.get("read")
    if read is not None and read <= silence:
        return None
    return {**timeouts, "read": silence}


def _refusal(faults: Faults, head: Head, body: bytes) -> Block:
    """A refusal to go on, sent in the stream in the form of the surface's failures."""
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if not (isinstance(said, dict) and said.get("error")):
        raise faults.cut(f"the server will not go on with the stream: HTTP {head.status_code}")
    text = json.dumps(said, separators=(",", ":"))
    return Block(f"event: error\ndata: {text}\n\n".encode())

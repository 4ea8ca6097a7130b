"""Guesses at the victim's names, on every endpoint: nothing may tell that they are there."""

import json

from hypothesis import strategies as st

from tests.fuzz.described import TELLING, callers
from tests.fuzz.odd_bodies import CHAT, FINE, JOBS, JSON
from tests.fuzz.request import Request
from tests.fuzz.scene import Scene

_ENDS = [
    *((b"GET", b""), (b"GET", b"/events"), (b"GET", b"/events?after=3"), (b"GET", b"/result")),
    *((b"GET", b"/result?wait=0.2"), (b"POST", b"/cancel"), (b"POST", b"/retry")),
    *((b"DELETE", b""), (b"HEAD", b""), (b"HEAD", b"/events")),
    *((b"POST", b"/tickets"), (b"GET", b"/result?ticket"), (b"HEAD", b"/events?ticket=&ticket=")),
    (b"GET", b"/events?ticket=" + b"A" * 64),
]


@st.composite
def guesses(draw: st.DrawFn, scene: Scene) -> Request:
    """A look at one of the victim's jobs, or an act on it."""
    name = draw(st.sampled_from(scene.names)).encode()
    method, end = draw(st.sampled_from(_ENDS))
    cursors = [(), ((b"last-event-id", b"0"),), ((b"last-event-id", b"4"),)]
    headers = (*draw(st.sampled_from(cursors)), *draw(callers))
    target = b"/v1/jobs/%b%b" % (draw(st.sampled_from([name, _percented(name)])), end)
    return Request("guesses", method, target, headers, never=TELLING)


@st.composite
def attachments(draw: st.DrawFn, scene: Scene) -> Request:
    """A call of the same request id that says it had begun to read."""
    name = draw(st.sampled_from(scene.names)).encode()
    cursor = draw(st.sampled_from([b"0", b"1", b"5", b"500"]))
    body = json.dumps({**FINE, "stream": draw(st.booleans())}).encode()
    headers = (JSON, (b"idempotency-key", name), (b"last-event-id", cursor), *draw(callers))
    return Request("guesses", b"POST", CHAT, headers, body, never=TELLING)


@st.composite
def doubles(draw: st.DrawFn, scene: Scene) -> Request:
    """A call of the same request id: a job of the intruder's own, or that job again."""
    name = draw(st.sampled_from(scene.doubles))
    if draw(st.booleans()):
        body = json.dumps({**FINE, "stream": draw(st.booleans())}).encode()
        headers = (JSON, (b"idempotency-key", name.encode()), *draw(callers))
        return Request("guesses", b"POST", CHAT, headers, body, never=frozenset((410, 422)))
    body = json.dumps({"request_id": name, "request": FINE}).encode()
    headers = (JSON, *draw(callers))
    return Request("guesses", b"POST", JOBS, headers, body, never=frozenset((410, 422)))


def _percented(name: bytes) -> bytes:
    return b"".join(b"%%%02X" % c for c in name)

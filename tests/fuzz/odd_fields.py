"""Full requests of every surface, one value of each odd, for providers of every dialect."""

from hypothesis import strategies as st

from tests.fuzz.described import callers
from tests.fuzz.request import Request
from tests.odd_values import FULL, ODD, paths, spoiled

_PATHS = {
    "chat": (b"/v1/chat/completions",),
    "messages": (b"/v1/messages", b"/v1/messages/count_tokens"),
    "responses": (b"/v1/responses",),
}
_MODELS = tuple(
    f"sim{kind}/tokens=1,interval=0" for kind in ("", "-messages", "-responses", "-gemini")
)
_JSON = (b"content-type", b"application/json")


@st.composite
def odd_fields(draw: st.DrawFn) -> Request:
    """A POST of one of them, at its surface or as a job."""
    dialect = draw(st.sampled_from(sorted(FULL)))
    request = {
        **FULL[dialect],
        "model": draw(st.sampled_from(_MODELS)),
        "stream": draw(st.booleans()),
    }
    path = draw(st.sampled_from([*paths(request), ("surprise",)]))
    body = spoiled(request, path, ODD[draw(st.sampled_from(sorted(ODD)))])
    target = draw(st.sampled_from([*_PATHS[dialect], b"/v1/jobs"]))
    if target == b"/v1/jobs":
        body = b'{"dialect":"%b","request":%b}' % (dialect.encode(), body)
    return Request("odd fields", b"POST", target, (_JSON, *draw(callers)), body)

"""The dialects that are spoken here."""

from broker.dialects.chat.dialect import CHAT
from broker.dialects.dialect import Dialect
from broker.dialects.messages.dialect import MESSAGES
from broker.dialects.responses.dialect import RESPONSES

DIALECTS: dict[str, Dialect] = {each.name: each for each in (CHAT, RESPONSES, MESSAGES)}


# The broker's own surface, and what is for its operator.
_NATIVE = ("/v1/jobs", "/v1/providers", "/healthz", "/readyz", "/metrics", "/openapi.json")


def dialect_at(path: str) -> Dialect | None:
    """The dialect whose errors are answered at a path; None for the native surface.

    At a path that is nobody's it is OpenAI's: whoever comes there is most likely a client that
    can read no other.
    """
    for each in DIALECTS.values():
        if path.startswith(each.owns):
            return each
    own = any(path == name or path.startswith(f"{name}/") for name in _NATIVE)
    return None if own or path[:1] != "/" or path == "/" else CHAT

"""The dialects that are spoken here."""

from broker.dialects.chat.dialect import CHAT
from broker.dialects.dialect import Dialect
from broker.dialects.messages.dialect import MESSAGES
from broker.dialects.responses.dialect import RESPONSES

DIALECTS: dict[str, Dialect] = {each.name: each for each in (CHAT, RESPONSES, MESSAGES)}


def dialect_at(path: str) -> Dialect | None:
    """The dialect whose errors are answered at a path; None for the native surface."""
    return next((each for each in DIALECTS.values() if path.startswith(each.owns)), None)

"""What clients that speak responses send beside what changes the answer."""

from broker.dialects.hints.hint import Hint

_CODEX = "Codex CLI 0.171.0"
_NOTES = "The client's own notes on its session, for its vendor's statistics."

HINTS: tuple[Hint, ...] = (
    Hint(dialect="responses", path="client_metadata", clients=_CODEX, means=_NOTES),
    Hint(dialect="responses", path="internal_*", clients=_CODEX, means=_NOTES),
    Hint(dialect="responses", path="input[].internal_*", clients=_CODEX, means=_NOTES),
    Hint(dialect="responses", path="input[].content[].internal_*", clients=_CODEX, means=_NOTES),
    Hint(dialect="responses", path="tools[].internal_*", clients=_CODEX, means=_NOTES),
)

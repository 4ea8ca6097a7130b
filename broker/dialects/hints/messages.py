"""What clients that speak messages send beside what changes the answer."""

from broker.dialects.hints.hint import Hint

_CLAUDE_CODE = "Claude Code 2.1.197, 2.1.332"

HINTS: tuple[Hint, ...] = (
    Hint(
        dialect="messages",
        path="diagnostics",
        clients=_CLAUDE_CODE,
        means="Which earlier message to compare the cached prompt with; told beside the answer.",
    ),
    Hint(
        dialect="messages",
        path="tools[].defer_loading",
        clients=_CLAUDE_CODE,
        means="Keep the tool out of the prompt until a search finds it. Left out, the model knows "
        "it from the start.",
    ),
)

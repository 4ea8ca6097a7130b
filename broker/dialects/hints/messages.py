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
    Hint(
        dialect="messages",
        path="thinking.block_binding",
        clients="Claude Code 2.1.332",
        means="What becomes of thoughts that were signed in another conversation.",
    ),
    Hint(
        dialect="messages",
        path="context_hint",
        clients=_CLAUDE_CODE,
        means="The client would rather shorten the conversation than be told that it is too long.",
    ),
    Hint(
        dialect="messages",
        path="speed",
        clients=f"{_CLAUDE_CODE} (fast mode)",
        means="How fast to answer, at which price.",
    ),
    Hint(
        dialect="messages",
        path="fallbacks",
        clients=_CLAUDE_CODE,
        means="Which of Anthropic's models answers instead if this one declines.",
    ),
    Hint(
        dialect="messages",
        path="fallback_credit_token",
        clients=_CLAUDE_CODE,
        means="Who pays for such an answer.",
    ),
    Hint(
        dialect="messages",
        path="context_management",
        clients=_CLAUDE_CODE,
        means="What of the conversation the model is no longer shown. Edits of thoughts are left "
        "out, for no other provider is shown them; any other edit is refused.",
        then="said otherwise",
    ),
    Hint(
        dialect="messages",
        path="messages[].role",
        clients=_CLAUDE_CODE,
        means="A turn of role system: instructions, and changes of the tools, from there on. A "
        "system message in its place, or a marked turn of the user.",
        then="said otherwise",
    ),
    Hint(
        dialect="messages",
        path="messages[].content[].content[].tool_name",
        clients=_CLAUDE_CODE,
        means="A tool that a search has found. A text says so.",
        then="said otherwise",
    ),
    Hint(
        dialect="messages",
        path="metadata.user_id",
        clients=f"{_CLAUDE_CODE} (150 characters)",
        means="Who the call is for. Hashed where a provider takes fewer characters.",
        then="said otherwise",
    ),
    Hint(
        dialect="messages",
        path="tools[].input_examples",
        clients="Anthropic's SDK 2.11",
        means="Examples of a tool's input. They become part of its description.",
        then="said otherwise",
    ),
)

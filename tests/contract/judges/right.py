"""What is right: what an SDK must show of an answer, by the surface that it was asked on."""

from msgspec import structs

from tests.contract.judges.answer import Answer, Heard, Spoken, parsed

_CHAT = {"length": "length", "tool_calls": "tool_calls", "filter": "content_filter"}
_MESSAGES = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "filter": "refusal",
    "refusal": "refusal",
}
_INCOMPLETE = {"length": "max_output_tokens", "filter": "content_filter"}
_GEMINI = {"length": "MAX_TOKENS", "filter": "SAFETY"}


def right(answer: Answer, surface: Spoken) -> Heard:
    """What a caller on this surface hears of it, whoever said it."""
    heard = Heard(
        text=answer.text,
        thoughts=answer.thoughts,
        refusal=answer.refusal,
        calls=[(call.id, call.name, parsed(call.arguments)) for call in answer.calls],
        reason=_reason(answer, surface),
    )
    if (counts := answer.counts) is not None:
        heard.counts = (counts.input, counts.output, counts.cached, counts.reasoning)
    if surface in ("messages", "gemini"):  # which have no word of their own for it
        heard.text, heard.refusal = answer.text + answer.refusal, None
    if surface == "messages" and answer.counts is None:  # they always count
        heard.counts = (0, 0, 0, 0)
    return heard


def _reason(answer: Answer, surface: Spoken) -> str:
    wordless = answer.end == "refusal" and not answer.refusal  # nothing else would tell it
    match surface:
        case "chat":
            return "content_filter" if wordless else _CHAT.get(answer.end, "stop")
        case "messages":
            return _MESSAGES[answer.end]
        case "gemini":
            return _GEMINI.get(answer.end, "STOP")
        case "responses":
            reason = "content_filter" if wordless else _INCOMPLETE.get(answer.end)
            return f"incomplete: {reason}" if reason else "completed"


def agree(heard: Heard, wanted: Heard, *, counts: bool = True) -> bool:
    """Whether it is what is right. A call that its provider gave no id may have any, of its own."""
    ids = [id for id, _, _ in heard.calls]
    if len(set(ids)) < len(ids) or not all(ids) or len(ids) != len(wanted.calls):
        return False
    named = [
        (id or mine, name, arguments)
        for mine, (id, name, arguments) in zip(ids, wanted.calls, strict=True)
    ]
    expected = structs.replace(wanted, calls=named)
    return (
        structs.replace(heard, counts=expected.counts if not counts else heard.counts) == expected
    )


def difference(heard: object, wanted: Heard) -> str:
    """Where they differ, for people."""
    if not isinstance(heard, Heard):
        return f"\n  it is {heard}"
    pairs = [
        (name, getattr(heard, name), getattr(wanted, name)) for name in Heard.__struct_fields__
    ]
    return "".join(
        f"\n  {name}: {ours!r}, and right is {right!r}"
        for name, ours, right in pairs
        if ours != right
    )

"""What was said against what was heard."""

import json
from typing import Any

from broker.dialects.wire import encode
from tests.plausible import heard_chat, heard_messages, heard_responses
from tests.plausible.answer import Counts, Owed
from tests.plausible.case import Case
from tests.plausible.heard import Heard, contradictions, counts_of, joined
from tests.plausible.playing import Outcome
from tests.recorded.reading import Event
from tests.recorded.stream import Recorded
from tests.recorded.surfaces import owed as verbatim
from tests.recorded.surfaces import told

_STREAMS = {
    "chat": heard_chat.heard_stream,
    "messages": heard_messages.heard_stream,
    "responses": heard_responses.heard_stream,
}
_WHOLES = {
    "chat": heard_chat.heard_whole,
    "messages": heard_messages.heard_whole,
    "responses": heard_responses.heard_whole,
}
_REASONS = {
    "stop": "end", "length": "length", "tool_calls": "tool_calls", "content_filter": "filter",
    "end_turn": "end", "max_tokens": "length", "tool_use": "tool_calls", "refusal": "filter",
    "stop_sequence": "end", "completed": "end", "max_output_tokens": "length",
}  # fmt: skip


def faults(case: Case, outcome: Outcome) -> list[str]:
    """What must not be, of one case."""
    owed, failure = case.owed, outcome.failure
    if owed.untold and case.cell.caller != case.cell.dialect:
        told = failure is not None and failure.code == "unexpressible_answer"
        return [] if told else ["it is not told what can't be"]
    if failure is not None:
        if owed.ends == "completed":
            return [f"failed: {failure.type} {failure.code}"]
        return []
    if owed.ends == "failed":
        return ["completed, though it had failed"]
    caller = case.cell.caller
    if caller == case.cell.dialect:
        return [*_own_stream(case, outcome), *_own_result(case, outcome)]
    events = outcome.events(caller)
    found = _judged("stream", _STREAMS[caller](events, strict=True), case)
    found += _judged("result", _WHOLES[caller](_result(outcome, caller), strict=True), case)
    return found + _billed(outcome, owed, caller)


def _result(outcome: Outcome, caller: str) -> dict[str, Any]:
    """The fold as JSON gives it."""
    found: dict[str, Any] = json.loads(encode(outcome.result(caller)))
    return found


def _judged(where: str, heard: Heard, case: Case) -> list[str]:
    """The faults of what a caller of another dialect heard."""
    owed, caller = case.owed, case.cell.caller
    found = [*heard.faults, *_content(heard, owed, caller)]
    reason = _REASONS.get(heard.reason or "", str(heard.reason))
    if caller == "responses" and reason == "end" and heard.calls:
        reason = "tool_calls"
    true = set(owed.reasons) | ({"end", "filter"} if "refusal" in owed.reasons else set())
    if reason not in true:
        found.append(f"the end is {reason}, and was {'/'.join(sorted(owed.reasons))}")
    if heard.usage is not None:
        found += contradictions(caller, heard.usage)
    if owed.counts is not None:
        found += _counted(heard.usage, owed, caller)
    return [f"{where}: {each}" for each in found]


def _content(heard: Heard, owed: Owed, caller: str) -> list[str]:
    answer = owed.answer
    found = []
    said = {"text": answer.texts("text"), "refusal": answer.texts("refusal")}
    if caller == "messages":
        said = {"text": answer.texts("text", "refusal"), "refusal": ""}
    pairs = {name: (text, getattr(heard, name)) for name, text in said.items()}
    pairs["thoughts"] = answer.texts("thought"), heard.thoughts
    for name, (true, other) in pairs.items():
        # Parts of a summary may be told with an empty line between them.
        true, other = (joined(each).replace("\n\n", "") for each in (true, other))
        if true != other:
            kind = "lost" if len(other) < len(true) else "made up or told twice"
            found.append(f"{name} {kind if other else 'gone'}")
    calls = [(call.name, call.arguments) for call in answer.calls]
    if calls != [(name, arguments) for _, name, arguments in heard.calls]:
        found.append("calls gone" if calls and not heard.calls else "calls differ")
    elif owed.ids and [call.id for call in answer.calls] != [id for id, _, _ in heard.calls]:
        found.append("ids of calls differ")
    if len({id for id, _, _ in heard.calls}) < len(heard.calls) and owed.ids:
        found.append("calls share an id")
    return found


def _counted(usage: dict[str, Any] | None, owed: Owed, caller: str) -> list[str]:
    if usage is None:
        return ["usage gone"]
    assert owed.counts is not None
    heard, true = counts_of(caller, usage), owed.counts
    if not owed.exact_reasoning:
        heard = heard._replace(reasoning=true.reasoning)
    if not owed.exact_cached:
        heard = heard._replace(cached=true.cached)
    return [] if heard == true else [f"usage differs: {_difference(heard, true)}"]


def _difference(heard: Counts, true: Counts) -> str:
    names = (name for name in Counts._fields if getattr(heard, name) != getattr(true, name))
    return ", ".join(names)


def _billed(outcome: Outcome, owed: Owed, caller: str) -> list[str]:
    if owed.counts is None:
        return []
    return [f"bill: {each}" for each in _counted(outcome.reply.usage, owed, caller)]


# ── Callers of the provider's own dialect ──────────────────────────────────────────────


def _own_stream(case: Case, outcome: Outcome) -> list[str]:
    """A stream is the provider's own, or one that any client could read."""
    caller = case.cell.caller
    events = outcome.events(caller)
    if case.cell.form == "stream" and not case.cell.shape.everybody:
        recorded = Recorded(case.name, "", case.body)
        if told(caller, events) == verbatim(caller, recorded):
            return []
    if case.cell.form == "whole" and not case.cell.shape.everybody:
        return _own("stream", _unfolded(caller, events), case)
    strict = case.cell.shape.everybody
    return _own("stream", _STREAMS[caller](events, strict=strict), case)


def _unfolded(caller: str, events: list[Event]) -> Heard:
    """What the view made of a whole answer says."""
    if caller != "chat":
        return _STREAMS[caller](events, strict=False)
    chunk = json.loads(events[0].data)
    for choice in chunk.get("choices") or ():
        choice["message"] = choice.pop("delta", None)
    return _merged(chunk)


def _own_result(case: Case, outcome: Outcome) -> list[str]:
    """A result holds all of it, wherever the provider's clients look for it."""
    caller = case.cell.caller
    answer = _result(outcome, caller)
    if case.cell.form == "whole" and not case.cell.shape.everybody and caller != "responses":
        if answer != json.loads(case.body):
            return _own("result", _WHOLES[caller](answer, strict=False), case)
        return []
    strict = case.cell.shape.everybody
    return _own("result", _WHOLES[caller](answer, strict=strict), case)


def _merged(answer: dict[str, Any]) -> Heard:
    """All choices as one: a whole answer may be passed on as it came."""
    found = Heard()
    for choice in answer.get("choices") or ():
        heard = heard_chat.heard_whole({"choices": [choice]}, strict=False)
        found.text += heard.text
        found.thoughts += heard.thoughts
        found.refusal += heard.refusal
        found.calls += heard.calls
        found.faults += heard.faults
        found.reason = heard.reason or found.reason
    found.usage = answer.get("usage")
    return found


def _own(where: str, heard: Heard, case: Case) -> list[str]:
    owed, caller = case.owed, case.cell.caller
    found = [*heard.faults, *_content(heard, _lenient(owed), caller)]
    if owed.raw is not None and heard.reason != owed.raw and where == "result":
        found.append(f"the end is {heard.reason}, and was {owed.raw}")
    return [f"{where}: {each}" for each in found]


def _lenient(owed: Owed) -> Owed:
    """What is owed without ids, which a provider may have told anew in each delta."""
    return Owed(owed.answer, ids=False)

"""Messages: reasons to stop, where figures stand, and ends that are none."""

from typing import Any

from tests.plausible.answer import NEEDS, Reason
from tests.plausible.messages import counted, ending, of_type, started
from tests.plausible.shape import ALONE, STREAM, Bend, Draft, Object, Shapes

ENDS = Shapes("messages")

_WORDS: tuple[tuple[str, Reason, str], ...] = (
    ("stop", "end", "relays of OpenAI"),
    ("length", "length", "relays of OpenAI"),
    ("model_context_window_exceeded", "length", "Anthropic"),
    ("tool_calls", "tool_calls", "relays of OpenAI"),
    ("end_turn", "tool_calls", "LM Studio, relays"),
    ("content_filter", "filter", "relays of OpenAI"),
    ("content_filtered", "filter", "relays of Bedrock"),
    ("guardrail_intervened", "filter", "relays of Bedrock"),
)


def _worded(word: str) -> Bend:
    def bend(draft: Draft) -> None:
        ending(draft)["stop_reason"] = draft.owed.raw = word

    return bend


for _word, _reason, _by in _WORDS:
    ENDS.add(f"the reason {_word} for {_reason}", _by, "reason", NEEDS[_reason])(_worded(_word))


@ENDS.add("paused", "Anthropic", "reason", "no call")
def paused(draft: Draft) -> None:
    draft.owed.ends = "either"
    draft.owed.reasons = frozenset(("length",))
    ending(draft)["stop_reason"] = draft.owed.raw = "pause_turn"


def _delta_event(draft: Draft) -> Object:
    return of_type(draft, "message_delta")[0]


@ENDS.add("figures at the start alone", "relays", "figures", forms=STREAM)
def at_start(draft: Draft) -> None:
    del _delta_event(draft)["usage"]
    assert draft.answer.counts is not None
    started(draft)["usage"] = counted(draft.answer.counts)


@ENDS.add("figures at the end alone", "Kimi, GLM, DeepSeek", "figures", forms=STREAM)
def at_end(draft: Draft) -> None:
    started(draft)["usage"] = draft.drawn.choice((None, {"input_tokens": 0, "output_tokens": 0}))


@ENDS.add("nulls among the figures", "relays", "figures", forms=STREAM)
def null_figures(draft: Draft) -> None:
    usage = _delta_event(draft)["usage"]
    usage["input_tokens"] = usage["cache_read_input_tokens"] = None


@ENDS.add("output alone at the end", "Anthropic", "figures", forms=STREAM)
def output_alone(draft: Draft) -> None:
    event = _delta_event(draft)
    event["usage"] = {"output_tokens": event["usage"]["output_tokens"]}
    draft.owed.exact_reasoning = False


@ENDS.add("no caches among the figures", "llama.cpp, LM Studio", "figures")
def no_caches(draft: Draft) -> None:
    for holder in (started(draft), *(of_type(draft, "message_delta") if draft.events else ())):
        usage = holder["usage"]
        usage["input_tokens"] += usage["cache_read_input_tokens"]
        for key in ("cache_read_input_tokens", "cache_creation_input_tokens"):
            del usage[key]
        usage.pop("output_tokens_details", None)
    draft.owed.exact_cached = draft.owed.exact_reasoning = False


@ENDS.add("no figures", "relays", "figures")
def no_figures(draft: Draft) -> None:
    draft.owed.counts = None
    started(draft).pop("usage")
    for each in of_type(draft, "message_delta") if draft.events else ():
        del each["usage"]


@ENDS.add("the words of OpenAI for figures", "relays of OpenAI", "figures", forms=STREAM)
def openai_figures(draft: Draft) -> None:
    """Beside its own, which are zeros."""
    event = _delta_event(draft)
    counts = draft.answer.counts
    assert counts is not None
    event["usage"]["prompt_tokens"] = counts.prompt
    event["usage"]["completion_tokens"] = counts.completion


@ENDS.add("a null delta beside late figures", "relays in Go", "delta", forms=STREAM)
def null_delta(draft: Draft) -> None:
    apart(draft)
    of_type(draft, "message_delta")[1]["delta"] = None


@ENDS.add("the reason and the figures apart", "Bedrock's relays", "delta", forms=STREAM)
def apart(draft: Draft) -> None:
    event = _delta_event(draft)
    usage = event.pop("usage", {})
    at = next(at for at, each in enumerate(draft.events) if each is event)
    draft.insert(at + 1, {"type": "message_delta", "delta": {}, "usage": usage})


@ENDS.add("pings within and without types", "relays", "pings", forms=STREAM)
def pings(draft: Draft) -> None:
    for _ in range(2):
        draft.insert(draft.drawn.randint(1, 4), {"type": "ping"})


@ENDS.add("[DONE] behind the end", "one-api", "done", forms=STREAM)
def done(draft: Draft) -> None:
    draft.events.append("[DONE]")


@ENDS.add("[DONE] in place of message_stop", "one-api", "done", forms=STREAM)
def done_in_place(draft: Draft) -> None:
    draft.events[-1] = "[DONE]"


@ENDS.add("no message_stop", "relays", "done", forms=STREAM)
def no_stop(draft: Draft) -> None:
    del draft.events[-1]


@ENDS.add("no message_delta", "relays", "done", forms=STREAM)
def no_delta(draft: Draft) -> None:
    """The end is told, its reason is not."""
    draft.owed.reasons |= {"end", "tool_calls"}
    draft.owed.raw = None
    draft.owed.counts = None
    draft.events[:] = [each for each in draft.events if _type(each) != "message_delta"]


def _type(event: Any) -> str:
    return str(event["type"]) if isinstance(event, dict) else ""


@ENDS.add("cut before its end", "everybody", ALONE, forms=STREAM)
def cut(draft: Draft) -> None:
    draft.owed.ends = "failed"
    at = next(at for at, each in enumerate(draft.events) if _type(each) == "message_delta")
    del draft.events[at:]


@ENDS.add("overloaded in the middle", "Anthropic", ALONE, forms=STREAM)
def overloaded(draft: Draft) -> None:
    draft.owed.ends = "failed"
    error = {"type": "overloaded_error", "message": "Overloaded"}
    draft.insert(draft.drawn.randint(2, 4), {"type": "error", "error": error})


@ENDS.add("an error of OpenAI's in the middle", "relays of OpenAI", ALONE, forms=STREAM)
def openai_error(draft: Draft) -> None:
    draft.owed.ends = "failed"
    draft.insert(draft.drawn.randint(2, 4), {"error": {"message": "gone", "code": 503}})


@ENDS.add("an error in place of the answer", "relays of OpenAI", ALONE)
def error_answer(draft: Draft) -> None:
    draft.owed.ends = "failed"
    error = {"error": {"message": "gone", "code": 503}}
    if draft.events:
        draft.events[:] = [error]
    else:
        draft.whole.clear()
        draft.whole.update(error)


@ENDS.add("events of tomorrow", "Anthropic, some day", "tomorrow", forms=STREAM)
def tomorrow(draft: Draft) -> None:
    draft.insert(2, {"type": "interlude", "a": 1})
    for each in of_type(draft, "content_block_delta"):
        each["mood"] = {"v": [1, None]}

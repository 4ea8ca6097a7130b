"""Responses: statuses, figures, and ends that are none."""

from tests.plausible.responses import ENDS as LAST
from tests.plausible.responses import drop, ended, of_type
from tests.plausible.shape import ALONE, STREAM, Draft, Shapes

ENDS = Shapes("responses")


@ENDS.add(
    "completed, though its status is incomplete", "vLLM, LiteLLM", "status", "length", forms=STREAM
)
def incomplete_inside(draft: Draft) -> None:
    of_type(draft, *LAST)[0]["type"] = "response.completed"


@ENDS.add("no status at the end", "relays", "status", forms=STREAM)
def no_status(draft: Draft) -> None:
    ended(draft)["status"] = None
    if draft.owed.answer.reason == "length":
        ended(draft)["incomplete_details"] = {"reason": "max_output_tokens"}


@ENDS.add("in progress at its end", "LM Studio, relays", "status", "no call", forms=STREAM)
def in_progress(draft: Draft) -> None:
    if draft.answer.reason == "end":
        ended(draft)["status"] = "in_progress"


@ENDS.add("incomplete without details", "relays", "status", "length")
def no_details(draft: Draft) -> None:
    ended(draft)["incomplete_details"] = None


@ENDS.add("incomplete for another word of tokens", "vLLM", "status", "length")
def max_tokens(draft: Draft) -> None:
    ended(draft)["incomplete_details"] = {"reason": "max_tokens"}


@ENDS.add("filtered", "OpenAI, Azure", "status", "filter")
def filtered(draft: Draft) -> None:
    ended(draft)["incomplete_details"] = {"reason": "content_filter"}


@ENDS.add("completed, though its status is failed", "LiteLLM, relays", ALONE, forms=STREAM)
def failed_inside(draft: Draft) -> None:
    draft.owed.ends = "failed"
    of_type(draft, *LAST)[0]["type"] = "response.completed"
    ended(draft)["status"] = "failed"
    ended(draft)["error"] = {"code": "server_error", "message": "gone"}


@ENDS.add("failed", "OpenAI", ALONE)
def failed(draft: Draft) -> None:
    draft.owed.ends = "failed"
    ended(draft)["status"] = "failed"
    ended(draft)["error"] = {"code": "server_error", "message": "gone"}
    if draft.events:
        of_type(draft, *LAST)[0]["type"] = "response.failed"


@ENDS.add("cancelled", "OpenAI", ALONE)
def cancelled(draft: Draft) -> None:
    draft.owed.ends = "failed"
    ended(draft)["status"] = "cancelled"
    if draft.events:
        of_type(draft, *LAST)[0]["type"] = "response.cancelled"


@ENDS.add("an error event", "OpenAI", ALONE, forms=STREAM)
def error_event(draft: Draft) -> None:
    draft.owed.ends = "failed"
    event = {"type": "error", "code": "server_error", "message": "gone", "param": None}
    draft.insert(draft.drawn.randint(2, 4), event)


@ENDS.add("a nested error event", "OpenAI of 2025, Azure", ALONE, forms=STREAM)
def nested_error(draft: Draft) -> None:
    draft.owed.ends = "failed"
    error = {"type": "server_error", "code": "x", "message": "gone"}
    draft.insert(3, draft.drawn.choice(({"type": "error", "error": error}, {"error": error})))


@ENDS.add("cut before its end", "everybody", ALONE, forms=STREAM)
def cut(draft: Draft) -> None:
    draft.owed.ends = "failed"
    drop(draft, *LAST)


@ENDS.add("[DONE] behind the end", "vLLM, LiteLLM", "done", forms=STREAM)
def done(draft: Draft) -> None:
    draft.events.append("[DONE]")


@ENDS.add("response.done in place of the end", "relays of sockets", ALONE, forms=STREAM)
def response_done(draft: Draft) -> None:
    draft.owed.ends = "either"
    of_type(draft, *LAST)[0]["type"] = "response.done"


@ENDS.add("no figures", "relays", "figures")
def no_figures(draft: Draft) -> None:
    ended(draft)["usage"] = None
    draft.owed.counts = None


@ENDS.add("no details of figures", "llama.cpp, LM Studio", "figures")
def bare_figures(draft: Draft) -> None:
    usage = ended(draft)["usage"]
    for key in ("input_tokens_details", "output_tokens_details"):
        usage[key] = None
    draft.owed.exact_reasoning = draft.owed.exact_cached = False


@ENDS.add("reasoning beside the output", "relays of xAI", "figures", "thought")
def beside(draft: Draft) -> None:
    counts = draft.answer.counts
    assert counts is not None
    ended(draft)["usage"]["output_tokens"] = counts.completion - counts.reasoning


@ENDS.add("the words of chat for figures", "LiteLLM, relays of chat", "figures")
def chat_figures(draft: Draft) -> None:
    usage = ended(draft)["usage"]
    usage["prompt_tokens"] = usage.pop("input_tokens")
    usage["completion_tokens"] = usage.pop("output_tokens")
    usage["prompt_tokens_details"] = usage.pop("input_tokens_details")
    usage["completion_tokens_details"] = usage.pop("output_tokens_details")


@ENDS.add("figures as floats", "relays in JavaScript", "types")
def floats(draft: Draft) -> None:
    usage = ended(draft)["usage"] or {}
    for key, value in usage.items():
        if isinstance(value, int):
            usage[key] = float(value)


@ENDS.add("events of tomorrow", "OpenAI, some day", "tomorrow", forms=STREAM)
def tomorrow(draft: Draft) -> None:
    draft.insert(2, {"type": "response.mood.delta", "output_index": 9, "delta": {"v": 1}})
    draft.insert(1, {"type": "keepalive"})

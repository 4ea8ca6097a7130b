"""Chat: reasons to stop, where they stand and what words they are; and ends that are none."""

from tests.plausible.answer import NEEDS, Reason
from tests.plausible.chat import choice, choices_of, chunk, last_choice, said
from tests.plausible.shape import ALONE, STREAM, WHOLE, Bend, Draft, Shapes

ENDS = Shapes("chat")

# Words for ends, and who says them.
_WORDS: tuple[tuple[str, Reason, str], ...] = (
    ("eos", "end", "relays"),
    ("eos_token", "end", "TGI"),
    ("stop_sequence", "end", "TGI, relays of Anthropic"),
    ("end_turn", "end", "relays of Anthropic"),
    ("STOP", "end", "relays of Gemini"),
    ("COMPLETE", "end", "relays of Cohere"),
    ("max_tokens", "length", "relays of Anthropic"),
    ("MAX_TOKENS", "length", "relays of Gemini, Cohere"),
    ("model_length", "length", "Mistral"),
    ("max_output_tokens", "length", "relays of Responses"),
    ("tool_use", "tool_calls", "relays of Anthropic"),
    ("function_call", "tool_calls", "Azure of 2023"),
    ("TOOL_CALL", "tool_calls", "relays of Cohere"),
    ("stop", "tool_calls", "vLLM with a named tool, Ollama"),
    ("SAFETY", "filter", "relays of Gemini"),
    ("safety", "filter", "relays"),
    ("sensitive", "filter", "GLM"),
    ("refusal", "filter", "relays of Anthropic"),
)
_NO_ENDS = (
    ("error", "OpenRouter"),
    ("network_error", "GLM"),
    ("insufficient_system_resource", "DeepSeek"),
    ("abort", "SGLang, vLLM"),
)


def _worded(word: str) -> Bend:
    def bend(draft: Draft) -> None:
        last_choice(draft)["finish_reason"] = draft.owed.raw = word

    return bend


def _failing(word: str) -> Bend:
    def bend(draft: Draft) -> None:
        draft.owed.ends = "failed"
        last_choice(draft)["finish_reason"] = word

    return bend


for _word, _reason, _by in _WORDS:
    ENDS.add(f"the reason {_word} for {_reason}", _by, "reason", NEEDS[_reason])(_worded(_word))
for _word, _by in _NO_ENDS:
    ENDS.add(f"the reason {_word}", _by, ALONE)(_failing(_word))


@ENDS.add("a last word of white space", "llama.cpp", "space", "text", "no call", forms=STREAM)
def space(draft: Draft) -> None:
    at = next(at for at, each in enumerate(choices_of(draft)) if each.get("finish_reason"))
    draft.insert(at, chunk(draft.answer, [choice({"content": " \n"})]))
    pieces = draft.answer.pieces
    last = max(at for at, each in enumerate(pieces) if each.kind == "text")
    pieces[last] = pieces[last]._replace(text=pieces[last].text + " \n")


@ENDS.add(
    "stop beside the reasoning", "relays of reasoners", "ahead", "thought", "text", forms=STREAM
)
def ahead(draft: Draft) -> None:
    for each in choices_of(draft):
        if "reasoning_content" in each["delta"]:
            each["finish_reason"] = "stop"


@ENDS.add("stop before a call", "LM Studio, relays", "ahead", "text", "call", forms=STREAM)
def before_call(draft: Draft) -> None:
    calls = ("tool_calls", "function_call")
    place = next(
        at
        for at, each in enumerate(choices_of(draft))
        if any(each["delta"].get(key) for key in calls)
    )
    draft.insert(place, chunk(draft.answer, [choice({}, "stop")]))


@ENDS.add("stop in every chunk", "relays in PHP", "ahead", forms=STREAM)
def everywhere(draft: Draft) -> None:
    last = last_choice(draft)["finish_reason"]
    for each in choices_of(draft):
        each["finish_reason"] = last


@ENDS.add(
    "an empty reason in every chunk", "one-api, Moonshot of 2024", "empty reason", forms=STREAM
)
def empty_reasons(draft: Draft) -> None:
    for each in choices_of(draft):
        each["finish_reason"] = each["finish_reason"] or ""


@ENDS.add("no reason but in the last chunk", "llama.cpp, relays", "empty reason", forms=STREAM)
def missing_reasons(draft: Draft) -> None:
    for each in choices_of(draft):
        if not each["finish_reason"]:
            del each["finish_reason"]


@ENDS.add("the reason beside the last delta", "Ollama, Mistral", "beside", forms=STREAM)
def beside(draft: Draft) -> None:
    found = list(choices_of(draft))
    at = next(at for at, each in enumerate(found) if each.get("finish_reason"))
    if at and not found[at - 1].get("finish_reason") and not found[at]["delta"]:
        found[at]["delta"] = found[at - 1]["delta"]
        del draft.events[at - 1]


@ENDS.add("the reason twice", "relays that add an end", "twice", forms=STREAM)
def twice(draft: Draft) -> None:
    found = list(choices_of(draft))
    at = next(at for at, each in enumerate(found) if each.get("finish_reason"))
    draft.insert(at + 1, chunk(draft.answer, [choice({}, found[at]["finish_reason"])]))


@ENDS.add("no reason, [DONE] alone", "relays in a hurry", "done", forms=STREAM)
def no_reason(draft: Draft) -> None:
    draft.owed.reasons |= {"end", "tool_calls"}
    draft.owed.raw = None
    for each in choices_of(draft):
        each["finish_reason"] = None


@ENDS.add("no reason", "relays in a hurry", "no reason", forms=WHOLE)
def null_reason(draft: Draft) -> None:
    draft.owed.reasons |= {"end", "tool_calls"}
    draft.owed.raw = None
    for each in choices_of(draft):
        each["finish_reason"] = None


@ENDS.add("no [DONE]", "TGI, Azure's relays", "done", forms=STREAM)
def no_done(draft: Draft) -> None:
    del draft.events[-1]


@ENDS.add("[DONE] twice", "relays of relays", "done", forms=STREAM)
def done_twice(draft: Draft) -> None:
    draft.events.append("[DONE]")


@ENDS.add("cut before its end", "everybody", ALONE, forms=STREAM)
def cut(draft: Draft) -> None:
    draft.owed.ends = "failed"
    at = next(at for at, each in enumerate(choices_of(draft)) if each.get("finish_reason"))
    del draft.events[at:]


@ENDS.add("an error object in the middle", "OpenRouter, LiteLLM", ALONE, forms=STREAM)
def error_within(draft: Draft) -> None:
    draft.owed.ends = "failed"
    error = {"message": "gone", "type": "server_error", "code": 503}
    draft.insert(2, draft.drawn.choice(({"error": error}, {**draft.events[0], "error": error})))


@ENDS.add("an error inside a choice", "OpenRouter", ALONE)
def error_in_choice(draft: Draft) -> None:
    draft.owed.ends = "failed"
    last = last_choice(draft)
    last["error"] = {"code": 502, "message": "Provider returned error"}
    last["finish_reason"] = draft.drawn.choice(("error", "stop", None))


@ENDS.add("an error inside a delta", "relays in Go", ALONE, forms=STREAM)
def error_in_delta(draft: Draft) -> None:
    draft.owed.ends = "failed"
    last_choice(draft)["delta"] = {"error": {"code": 502, "message": "Provider returned error"}}


@ENDS.add("no more than nulls beside the end", "xAI", "done", forms=STREAM)
def null_end(draft: Draft) -> None:
    last = last_choice(draft)
    last["delta"] = {"content": None, "role": None, "tool_calls": None} | last["delta"]


@ENDS.add("native reasons beside the reason", "OpenRouter, Groq", "native")
def native(draft: Draft) -> None:
    for each in choices_of(draft):
        each["native_finish_reason"] = "STOP" if each.get("finish_reason") else None
        each["logprobs"] = None


@ENDS.add("fields of tomorrow", "everybody, some day", "tomorrow")
def tomorrow(draft: Draft) -> None:
    for each in said(draft):
        each["mood"] = {"v": [1, None]}
    for each in draft.objects:
        each["era"] = 3

"""Gemini: parts, calls, candidates, ends and figures."""

import json
from copy import deepcopy

from tests.plausible.answer import NEEDS, Reason
from tests.plausible.gemini import calls, candidates, counted, given, last, parts, with_usage
from tests.plausible.shape import ALONE, STREAM, Bend, Draft, Object, Shapes

GEMINI = Shapes("gemini")

_WORDS: tuple[tuple[str, Reason, str], ...] = (
    ("FINISH_REASON_UNSPECIFIED", "end", "Vertex"),
    ("stop", "end", "relays of OpenAI"),
    ("length", "length", "relays of OpenAI"),
    ("RECITATION", "filter", "Google"),
    ("PROHIBITED_CONTENT", "filter", "Google"),
    ("SPII", "filter", "Google"),
    ("content_filter", "filter", "relays of OpenAI"),
    ("tool_calls", "tool_calls", "relays of OpenAI"),
)
_FAULTS = ("MALFORMED_FUNCTION_CALL", "OTHER", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE")


def _worded(word: str) -> Bend:
    def bend(draft: Draft) -> None:
        last(draft)["finishReason"] = draft.owed.raw = word

    return bend


def _failing(word: str) -> Bend:
    def bend(draft: Draft) -> None:
        draft.owed.ends = "failed"
        last(draft)["finishReason"] = word

    return bend


for _word, _reason, _by in _WORDS:
    GEMINI.add(f"the reason {_word} for {_reason}", _by, "reason", NEEDS[_reason])(_worded(_word))
for _word in _FAULTS:
    GEMINI.add(f"the reason {_word}", "Google", ALONE)(_failing(_word))


@GEMINI.add("arguments are a text", "relays of OpenAI", "args", "call")
def text_args(draft: Draft) -> None:
    for each in calls(draft):
        each["args"] = json.dumps(each["args"])


@GEMINI.add("no arguments of a call that has none", "Google", "args", "empty call")
def no_args(draft: Draft) -> None:
    for each in calls(draft):
        if not each["args"]:
            if draft.drawn.random() < 0.5:
                del each["args"]
            else:
                each["args"] = None


@GEMINI.add("no ids of calls", "Google before 3", "ids", "call")
def no_ids(draft: Draft) -> None:
    draft.owed.ids = False
    for each in calls(draft):
        del each["id"]


@GEMINI.add("signatures of calls", "Gemini 3", "signatures", "call")
def signed_calls(draft: Draft) -> None:
    for each in parts(draft):
        if "functionCall" in each:
            each["thoughtSignature"] = "EqRk"
            break


@GEMINI.add("a signature in an empty text", "Gemini 3", "signatures", forms=STREAM)
def signed_end(draft: Draft) -> None:
    last(draft)["content"]["parts"].append({"text": "", "thoughtSignature": "EqRk"})


@GEMINI.add("text and calls in two candidates", "relays of OpenAI", "candidates", "text", "call")
def two_candidates(draft: Draft) -> None:
    for each in draft.objects:
        for found in list(each["candidates"]):
            said = found["content"]["parts"]
            called = [part for part in said if "functionCall" in part]
            rest = [part for part in said if "functionCall" not in part]
            found["content"]["parts"] = rest
            if called:
                other = {"content": {"role": "model", "parts": called}, "index": 1}
                each["candidates"] = [*([found] if rest else []), other]
                if "finishReason" in found:
                    other["finishReason"] = found["finishReason"]


@GEMINI.add("no index of candidates", "Google, mostly", "indexes")
def no_index(draft: Draft) -> None:
    for each in candidates(draft):
        del each["index"]


@GEMINI.add("an index that counts up", "relays", "indexes", forms=STREAM)
def counting(draft: Draft) -> None:
    for place, each in enumerate(candidates(draft)):
        each["index"] = place


@GEMINI.add("the end alone, without content", "Google", "last event", forms=STREAM)
def bare_end(draft: Draft) -> None:
    ended, final = last(draft), draft.events[-1]
    event = given(draft.answer, [])
    event["candidates"] = [{"finishReason": ended.pop("finishReason"), "index": 0}]
    if "usageMetadata" in final:
        event["usageMetadata"] = final.pop("usageMetadata")
    draft.events.append(event)


@GEMINI.add("an empty text at the end", "Google", "last event", forms=STREAM)
def empty_end(draft: Draft) -> None:
    bare_end(draft)
    draft.events[-1]["candidates"][0]["content"] = {"role": "model", "parts": [{"text": ""}]}


@GEMINI.add("content without parts at the end", "Google", "last event", forms=STREAM)
def no_parts(draft: Draft) -> None:
    bare_end(draft)
    content = draft.drawn.choice(({"role": "model"}, {}, None, {"parts": None}))
    draft.events[-1]["candidates"][0]["content"] = content


@GEMINI.add("STOP in each event", "Gemini 2, Vertex", "ahead", forms=STREAM)
def everywhere(draft: Draft) -> None:
    word = last(draft)["finishReason"]
    for each in candidates(draft):
        each["finishReason"] = word


@GEMINI.add("STOP before a call", "relays", "ahead", "text", "call", forms=STREAM)
def before_call(draft: Draft) -> None:
    next(candidates(draft))["finishReason"] = "STOP"


@GEMINI.add("figures in each event", "Google", "figures", forms=STREAM)
def running(draft: Draft) -> None:
    counts = draft.answer.counts
    assert counts is not None
    for place, each in enumerate(draft.events):
        if "usageMetadata" not in each:
            sofar = counts._replace(completion=min(place, counts.completion), reasoning=0)
            each["usageMetadata"] = counted(sofar)


@GEMINI.add("figures behind the end", "Google", "figures", forms=STREAM)
def behind(draft: Draft) -> None:
    usage = with_usage(draft).pop("usageMetadata")
    draft.events.append({"usageMetadata": usage, "modelVersion": draft.answer.model})


@GEMINI.add("thoughts among the candidates' tokens", "relays, Vertex of 2025", "figures", "thought")
def thoughts_inside(draft: Draft) -> None:
    """The total tells: it does not hold them twice."""
    counts = draft.answer.counts
    assert counts is not None
    with_usage(draft)["usageMetadata"]["candidatesTokenCount"] = counts.completion


@GEMINI.add("no tokens of candidates", "Google, of an empty answer", "figures", "thought")
def no_candidates(draft: Draft) -> None:
    counts = draft.answer.counts
    assert counts is not None
    draft.owed.counts = counts._replace(completion=counts.reasoning)
    usage = with_usage(draft)["usageMetadata"]
    del usage["candidatesTokenCount"]
    usage["totalTokenCount"] = counts.prompt + counts.reasoning


@GEMINI.add("no total", "relays", "figures")
def no_total(draft: Draft) -> None:
    del with_usage(draft)["usageMetadata"]["totalTokenCount"]


@GEMINI.add("no figures", "relays", "figures")
def no_figures(draft: Draft) -> None:
    del with_usage(draft)["usageMetadata"]
    draft.owed.counts = None


@GEMINI.add("zeros left out", "Google, protobuf", "zeros")
def no_zeros(draft: Draft) -> None:
    for each in draft.objects:
        if usage := each.get("usageMetadata"):
            each["usageMetadata"] = {key: value for key, value in usage.items() if value}


@GEMINI.add("[DONE] at the end", "one-api", "done", forms=STREAM)
def done(draft: Draft) -> None:
    draft.events.append("[DONE]")


@GEMINI.add("nameless", "relays", "names")
def nameless(draft: Draft) -> None:
    for each in draft.objects:
        for key in ("responseId", "modelVersion"):
            if draft.drawn.random() < 0.5:
                each.pop(key, None)


@GEMINI.add("verdicts and searches beside", "Google", "beside")
def beside(draft: Draft) -> None:
    for each in candidates(draft):
        each["safetyRatings"] = [{"category": "C", "probability": "LOW"}]
        each["groundingMetadata"] = {"webSearchQueries": ["x"]}


@GEMINI.add("a picture", "Google", ALONE)
def picture(draft: Draft) -> None:
    draft.owed.untold = True
    data = {"mimeType": "image/png", "data": "iVBORw0KGgo="}
    last(draft)["content"]["parts"].append({"inlineData": data})


@GEMINI.add("cut before its end", "everybody", ALONE, forms=STREAM)
def cut(draft: Draft) -> None:
    draft.owed.ends = "failed"
    del last(draft)["finishReason"]


@GEMINI.add("an error within", "Google", ALONE, forms=STREAM)
def error_within(draft: Draft) -> None:
    draft.owed.ends = "failed"
    error = {"code": 503, "status": "UNAVAILABLE", "message": "gone"}
    draft.insert(0, {"error": error})


@GEMINI.add("wrapped in response", "Google's Code Assist", ALONE)
def wrapped(draft: Draft) -> None:
    draft.owed.ends = "either"
    if draft.events:
        draft.events[:] = [{"response": each} for each in draft.events]
    else:
        body = deepcopy(draft.whole)
        draft.whole.clear()
        draft.whole["response"] = body


@GEMINI.add("a list of all events", "Google without alt=sse", ALONE)
def listed(draft: Draft) -> None:
    draft.owed.ends = "either"
    body: list[Object] = [draft.whole]
    if draft.events:
        draft.events[:] = [json.dumps(body)]
    else:
        draft.text = json.dumps(body)

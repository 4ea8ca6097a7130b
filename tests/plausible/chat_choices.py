"""Chat: choices that nobody asked for, and what stands in place of a delta."""

from tests.plausible.chat import choices_of, said
from tests.plausible.shape import ALONE, STREAM, WHOLE, Draft, Shapes

CHOICES = Shapes("chat")


@CHOICES.add("text in choice 0, calls in choice 1", "Copilot", "choices", "text", "call")
def split_choices(draft: Draft) -> None:
    if draft.events:
        for each in choices_of(draft):
            delta = each["delta"] or {}
            called = delta.get("tool_calls") or delta.get("function_call")
            each["index"] = 1 if called or each.get("finish_reason") else 0
        return
    found = draft.whole["choices"][0]
    key = "tool_calls" if "tool_calls" in found["message"] else "function_call"
    called = found["message"].pop(key)
    other = {"role": "assistant", "content": None, key: called}
    draft.whole["choices"].append(
        {"index": 1, "message": other, "finish_reason": found["finish_reason"]}
    )
    found["finish_reason"] = draft.drawn.choice(("stop", "tool_calls"))
    draft.owed.raw = None  # either is true


@CHOICES.add("each choice with its own end", "Copilot", "choices", "text", "call", forms=STREAM)
def two_ends(draft: Draft) -> None:
    split_choices(draft)
    first = next(at for at, each in enumerate(draft.events) if _index(each) == 1)
    ended = {"index": 0, "delta": {}, "finish_reason": draft.drawn.choice(("stop", "tool_calls"))}
    draft.insert(first, {**draft.events[0], "choices": [ended]})


def _index(event: object) -> int | None:
    choices = event["choices"] if isinstance(event, dict) else ()
    return choices[0]["index"] if choices else None


@CHOICES.add("a second choice of index 0", "relays of Bedrock", "choices", "text", "call")
def second_zero(draft: Draft) -> None:
    split_choices(draft)
    for each in choices_of(draft):
        each["index"] = 0


@CHOICES.add(
    "two choices of index 0 in one chunk", "relays", "choices", "text", "call", forms=STREAM
)
def two_in_one(draft: Draft) -> None:
    places = [at for at, each in enumerate(draft.events) if _index(each) is not None]
    at = next(
        (at for at in places[:-1] if draft.events[at + 1]["choices"][0]["delta"].get("tool_calls")),
        places[0],
    )
    draft.events[at]["choices"] += draft.events[at + 1]["choices"]
    del draft.events[at + 1]


@CHOICES.add("no index of choices", "TGI, relays", "choices")
def no_index(draft: Draft) -> None:
    for each in choices_of(draft):
        del each["index"]


@CHOICES.add("an index that counts up by chunk", "relays in Go", "choices", forms=STREAM)
def counting(draft: Draft) -> None:
    for place, each in enumerate(choices_of(draft)):
        each["index"] = place


@CHOICES.add("a null index", "relays", "choices")
def null_index(draft: Draft) -> None:
    for each in choices_of(draft):
        each["index"] = None


@CHOICES.add("choices from 1", "relays", "choices")
def from_one(draft: Draft) -> None:
    for each in choices_of(draft):
        each["index"] = 1


@CHOICES.add("a null delta at the end", "one-api", "last delta", forms=STREAM)
def null_delta(draft: Draft) -> None:
    for each in choices_of(draft):
        if each.get("finish_reason") and not each["delta"]:
            each["delta"] = None


@CHOICES.add("no delta at the end", "TGI, relays", "last delta", forms=STREAM)
def no_delta(draft: Draft) -> None:
    for each in choices_of(draft):
        if each.get("finish_reason") and not each["delta"]:
            del each["delta"]


@CHOICES.add("an empty text beside the end", "Groq, Fireworks", "last delta", forms=STREAM)
def empty_delta(draft: Draft) -> None:
    for each in choices_of(draft):
        if each.get("finish_reason") and not each["delta"]:
            each["delta"] = {"role": "assistant", "content": ""}


@CHOICES.add("a role in each delta", "DeepSeek, xAI", "role", forms=STREAM)
def roles(draft: Draft) -> None:
    for each in said(draft):
        each["role"] = "assistant"


@CHOICES.add("no role, or an odd one", "LM Studio, relays", "role")
def no_role(draft: Draft) -> None:
    role = draft.drawn.choice((None, "", "model", "ASSISTANT"))
    for each in said(draft):
        each.pop("role", None)
        if role is not None:
            each["role"] = role


@CHOICES.add("nulls for all that is not said", "vLLM, SGLang", "nulls", forms=STREAM)
def nulls(draft: Draft) -> None:
    for each in said(draft):
        for key in ("role", "content", "refusal", "reasoning_content", "tool_calls", "audio"):
            each.setdefault(key, None)


@CHOICES.add("empty texts for all that is not said", "relays in Go", "nulls", forms=STREAM)
def empties(draft: Draft) -> None:
    for each in said(draft):
        for key in ("content", "refusal", "reasoning_content", "reasoning"):
            each.setdefault(key, "")


@CHOICES.add("a first chunk of verdicts, without choices", "Azure", "first", forms=STREAM)
def verdicts(draft: Draft) -> None:
    hate = {"hate": {"filtered": False, "severity": "safe"}}
    first = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
    results = [{"prompt_index": 0, "content_filter_results": hate}]
    draft.insert(0, {**first, "prompt_filter_results": results})


@CHOICES.add("late verdicts of an asynchronous filter", "Azure", "late", forms=STREAM)
def late_verdicts(draft: Draft) -> None:
    offsets = {"check_offset": 44, "start_offset": 44, "end_offset": 45}
    found = {"index": 0, "finish_reason": None, "content_filter_offsets": offsets}
    event = {"id": "", "object": "", "created": 0, "model": "", "choices": [found]}
    draft.insert(-1, event)


@CHOICES.add("empty or missing ids and models", "llama.cpp, relays", "names")
def nameless(draft: Draft) -> None:
    for each in draft.objects:
        for key in ("id", "model", "created", "object"):
            how = draft.drawn.randrange(4)
            if how == 1:
                each.pop(key, None)
            elif how == 2:
                each[key] = None
            elif how == 3 and key != "created":
                each[key] = ""


@CHOICES.add("an id of its own in each chunk", "relays of several accounts", "names", forms=STREAM)
def many_names(draft: Draft) -> None:
    for place, each in enumerate(draft.objects):
        each["id"] = f"chatcmpl-{place}"


@CHOICES.add("choices null beside the usage", "relays in C#", "usage chunk", forms=STREAM)
def null_choices(draft: Draft) -> None:
    for each in draft.objects:
        if not each["choices"]:
            each["choices"] = None


@CHOICES.add("no choices beside the usage", "LocalAI", "usage chunk", forms=STREAM)
def no_choices(draft: Draft) -> None:
    for each in draft.objects:
        if not each["choices"] and each.get("usage"):
            del each["choices"]


@CHOICES.add("pings among the chunks", "relays of Anthropic", "pings", forms=STREAM)
def pings(draft: Draft) -> None:
    draft.insert(draft.drawn.randint(0, 2), {"type": "ping"})


@CHOICES.add("message in place of delta", "one-api, fake streams", "holder", forms=STREAM)
def messages(draft: Draft) -> None:
    for each in choices_of(draft):
        if "delta" in each:
            each["message"] = each.pop("delta")


@CHOICES.add("the whole message in one event", "one-api, fake streams", ALONE, forms=STREAM)
def faked(draft: Draft) -> None:
    draft.events[:] = [draft.whole, "[DONE]"]


@CHOICES.add("delta in place of message", "relays that gather", "holder", forms=WHOLE)
def deltas(draft: Draft) -> None:
    for each in choices_of(draft):
        each["delta"] = each.pop("message")


@CHOICES.add("the message so far beside each delta", "Perplexity", "holder", forms=STREAM)
def so_far(draft: Draft) -> None:
    text = ""
    for each in choices_of(draft):
        more = (each.get("delta") or {}).get("content")
        text += more if isinstance(more, str) else ""
        each["message"] = {"role": "assistant", "content": text}


@CHOICES.add("text beside each delta", "Together", "holder", forms=STREAM)
def text_beside(draft: Draft) -> None:
    for each in choices_of(draft):
        more = (each.get("delta") or {}).get("content")
        each["text"] = more if isinstance(more, str) else ""


@CHOICES.add("text in place of a delta", "llamafile, relays", "holder", "text", "no call")
def text_alone(draft: Draft) -> None:
    for each in choices_of(draft):
        holder = each.get("delta" if draft.events else "message") or {}
        if isinstance(holder.get("content"), str) and holder.keys() <= {"role", "content"}:
            each["text"] = holder["content"]
            del each["delta" if draft.events else "message"]

"""Chat: figures, where they stand, and conventions of what a total holds."""

from tests.plausible.chat import counted, last_choice, with_usage
from tests.plausible.shape import STREAM, Draft, Shapes

USAGE = Shapes("chat")


@USAGE.add("reasoning beside the completion", "xAI", "figures", "thought")
def beside(draft: Draft) -> None:
    """The total tells: it holds the three of them."""
    counts = draft.answer.counts
    assert counts is not None
    with_usage(draft)["usage"]["completion_tokens"] = counts.completion - counts.reasoning


@USAGE.add("a total of more than is told", "Gemini's compatible API", "figures", "thought")
def more(draft: Draft) -> None:
    """Thoughts are in the total alone."""
    counts, usage = draft.answer.counts, with_usage(draft)["usage"]
    assert counts is not None
    usage["completion_tokens"] = counts.completion - counts.reasoning
    del usage["completion_tokens_details"]
    draft.owed.exact_reasoning = False


@USAGE.add("no total", "relays", "figures")
def no_total(draft: Draft) -> None:
    del with_usage(draft)["usage"]["total_tokens"]


@USAGE.add("a total of 0", "relays in Go", "figures")
def zero_total(draft: Draft) -> None:
    with_usage(draft)["usage"]["total_tokens"] = 0


@USAGE.add("null details", "vLLM, SGLang", "details")
def null_details(draft: Draft) -> None:
    usage = with_usage(draft)["usage"]
    if usage.get("total_tokens") != usage["prompt_tokens"] + usage["completion_tokens"]:
        return
    usage["prompt_tokens_details"] = usage["completion_tokens_details"] = None
    draft.owed.exact_reasoning = draft.owed.exact_cached = False


@USAGE.add("no details", "llama.cpp, TGI, Ollama", "details")
def no_details(draft: Draft) -> None:
    usage = with_usage(draft)["usage"]
    if usage.get("total_tokens") != usage["prompt_tokens"] + usage["completion_tokens"]:
        return
    del usage["prompt_tokens_details"]
    usage.pop("completion_tokens_details", None)
    draft.owed.exact_reasoning = draft.owed.exact_cached = False


@USAGE.add("hits and misses of the cache", "DeepSeek", "caches")
def hits(draft: Draft) -> None:
    counts, usage = draft.answer.counts, with_usage(draft)["usage"]
    assert counts is not None
    usage.pop("prompt_tokens_details", None)
    usage["prompt_cache_hit_tokens"] = counts.cached
    usage["prompt_cache_miss_tokens"] = counts.prompt - counts.cached
    draft.owed.exact_cached = True


@USAGE.add("cached tokens beside the others", "Moonshot", "caches")
def cached_beside(draft: Draft) -> None:
    counts, usage = draft.answer.counts, with_usage(draft)["usage"]
    assert counts is not None
    usage.pop("prompt_tokens_details", None)
    usage["cached_tokens"] = counts.cached
    draft.owed.exact_cached = True


@USAGE.add("the words of Anthropic", "relays of Anthropic", "words")
def anthropic(draft: Draft) -> None:
    holder = with_usage(draft)
    usage = holder["usage"]
    usage["input_tokens"] = usage.pop("prompt_tokens")
    usage["output_tokens"] = usage.pop("completion_tokens")


@USAGE.add("both words for the same", "one-api, Qwen", "words")
def both_words(draft: Draft) -> None:
    usage = with_usage(draft)["usage"]
    usage["input_tokens"], usage["output_tokens"] = usage["prompt_tokens"], 0
    usage["output_tokens"] = usage["completion_tokens"]


@USAGE.add("zeros in the other words", "one-api", "words")
def zero_words(draft: Draft) -> None:
    usage = with_usage(draft)["usage"]
    usage["input_tokens"] = usage["output_tokens"] = 0
    usage["input_tokens_details"] = None


@USAGE.add("figures as floats", "relays in JavaScript, Lua", "types")
def floats(draft: Draft) -> None:
    usage = with_usage(draft)["usage"]
    for key, value in usage.items():
        if isinstance(value, int):
            usage[key] = float(value)


@USAGE.add("empty usage in the first chunk", "relays in C#", "first usage", forms=STREAM)
def empty(draft: Draft) -> None:
    draft.objects[0]["usage"] = {}


@USAGE.add("costs beside the figures", "OpenRouter, Perplexity", "costs")
def costs(draft: Draft) -> None:
    usage = with_usage(draft)["usage"]
    usage["cost"] = 0.0000123
    usage["cost_details"] = {"upstream_inference_cost": None}
    usage["num_search_queries"] = 1


@USAGE.add("usage in the choice", "Moonshot", "place")
def in_choice(draft: Draft) -> None:
    holder = with_usage(draft)
    last_choice(draft)["usage"] = holder.pop("usage")
    if draft.events:
        draft.events.remove(holder)


@USAGE.add("usage under x_groq", "Groq of 2024", "place", forms=STREAM)
def in_groq(draft: Draft) -> None:
    holder = with_usage(draft)
    usage = holder.pop("usage")
    draft.events.remove(holder)
    last = last_choice(draft)
    at = next(each for each in draft.objects if last in each["choices"])
    at["x_groq"] = {"id": "req_01", "usage": usage}


@USAGE.add("usage beside the last choice", "Mistral, DeepSeek", "place", forms=STREAM)
def beside_choice(draft: Draft) -> None:
    holder = with_usage(draft)
    last = last_choice(draft)
    at = next(each for each in draft.objects if last in each["choices"])
    at["usage"] = holder["usage"]
    draft.events.remove(holder)


@USAGE.add("running totals in each chunk", "vLLM with continuous usage", "place", forms=STREAM)
def running(draft: Draft) -> None:
    counts = draft.answer.counts
    assert counts is not None
    holder = with_usage(draft)
    for place, each in enumerate(draft.objects):
        if each is not holder:
            sofar = counts._replace(completion=min(place, counts.completion), reasoning=0)
            each["usage"] = counted(sofar)


@USAGE.add("usage null in each chunk", "OpenAI, Azure", "place", forms=STREAM)
def nulls(draft: Draft) -> None:
    for each in draft.objects:
        each.setdefault("usage", None)


@USAGE.add("usage of zeros in each chunk", "relays in Go", "place", forms=STREAM)
def zeros(draft: Draft) -> None:
    for each in draft.objects:
        if each["choices"]:
            each["usage"] = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


@USAGE.add("usage beside a choice that says nothing", "OpenRouter", "place", forms=STREAM)
def idle_choice(draft: Draft) -> None:
    idle = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    with_usage(draft)["choices"] = [idle]


@USAGE.add("no usage", "Ollama, llama.cpp of 2023", "place")
def none(draft: Draft) -> None:
    holder = with_usage(draft)
    if draft.events:
        draft.events.remove(holder)
    else:
        del holder["usage"]
    draft.owed.counts = None

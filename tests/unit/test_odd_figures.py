"""What providers count in odd ways, and where they say it: figures that agree with each other."""

import json
from typing import Any

import pytest

from broker.dialects.neutral.event import Failed
from broker.dialects.neutral.translation import translate_usage
from tests.unit.neutral_answers import fold, heard
from tests.unit.neutral_streams import chunk
from workers.providers.base import Reply
from workers.providers.chat_decoder import ChatDecoder
from workers.providers.splitter import SseEvent


def figures(prompt: int, completion: int, total: int | None, **more: Any) -> dict[str, Any]:
    totals = {} if total is None else {"total_tokens": total}
    return {"prompt_tokens": prompt, "completion_tokens": completion, **totals, **more}


REASONING = {"completion_tokens_details": {"reasoning_tokens": 300}}
CACHED = {"prompt_tokens_details": {"cached_tokens": 100}}


@pytest.mark.parametrize(
    ("dialect", "counts", "input", "output"),
    [
        ("chat", figures(120, 30, 450, **REASONING), 120, 330),
        ("chat", figures(120, 330, 450, **REASONING), 120, 330),
        ("chat", figures(120, 30, None, **REASONING), 120, 330),
        ("chat", figures(120, 30, 0, **REASONING), 120, 330),
        ("chat", figures(10, 5, 100), 10, 90),
        ("chat", figures(20, 5, 125, **CACHED), 120, 5),
        ("chat", figures(20, 30, 450, **REASONING, **CACHED), 120, 330),
        ("chat", figures(120, 5, 125, **CACHED), 120, 5),
        ("chat", {"input_tokens": 7, "output_tokens": "5"}, 7, 5),
        ("chat", figures(7, 5, 12, prompt_cache_hit_tokens=3.0), 7, 5),
        ("messages", {"input_tokens": 7, "output_tokens": 5}, 7, 5),
        ("messages", {"prompt_tokens": 7, "completion_tokens": 5}, 7, 5),
        ("gemini", {"promptTokenCount": 7, "candidatesTokenCount": 9, "thoughtsTokenCount": 4,
                    "totalTokenCount": 16}, 7, 9),
        ("gemini", {"promptTokenCount": 7, "candidatesTokenCount": 9, "thoughtsTokenCount": 4,
                    "totalTokenCount": 20}, 7, 13),
    ],
)  # fmt: skip
def test_figures_agree(dialect: str, counts: dict[str, Any], input: int, output: int) -> None:
    found = translate_usage(counts, dialect, "responses")
    assert (found["input_tokens"], found["output_tokens"]) == (input, output)
    assert found["total_tokens"] == input + output
    assert found["output_tokens_details"]["reasoning_tokens"] <= output
    assert found["input_tokens_details"]["cached_tokens"] <= input


@pytest.mark.parametrize("place", ["choice", "x_groq", "chunk"])
def test_usage_is_found_wherever_it_stands(place: str) -> None:
    event, counts = chunk({}, "stop"), figures(3, 2, 5)
    if place == "chunk":
        event["usage"] = counts
    elif place == "choice":
        event["choices"][0]["usage"] = counts
    else:
        event["x_groq"] = {"usage": counts}
    reply = Reply()
    ChatDecoder(reply).feed([SseEvent(b"", json.dumps(event).encode())])
    assert reply.usage == counts
    assert not any(isinstance(each, Failed) for each in heard("chat", [event]))
    assert fold(heard("chat", [event])).usage is not None

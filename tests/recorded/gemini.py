"""Gemini's streams: it has no surface of its own, so callers hear them translated."""

from typing import Any

from tests.recorded.stream import Event, Recorded, sse
from tests.unit.neutral_streams_more import GEMINI as TOLD
from tests.unit.neutral_streams_more import function, given


def wire(*events: Event) -> bytes:
    """As Google writes it: blanks in its JSON, lines as in mail."""
    return sse(*events, eol="\r\n")


def _more() -> list[Recorded]:
    stop: dict[str, Any] = given({"text": "."}, finish="STOP")
    return [
        Recorded(
            "grounding",
            "searches and their places beside the text",
            wire(
                given({"text": "Oslo"}), {**stop, "groundingMetadata": {"webSearchQueries": ["x"]}}
            ),
        ),
        Recorded(
            "safety ratings",
            "verdicts in every event, an average log probability",
            wire(
                given({"text": "a"}, safetyRatings=[{"category": "C", "probability": "LOW"}]), stop
            ),
        ),
        Recorded(
            "code that it ran",
            "parts that are neither text nor calls",
            wire(
                given(
                    {"executableCode": {"language": "PYTHON", "code": "1"}},
                    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
                ),
                stop,
            ),
        ),
        Recorded(
            "candidates of tomorrow",
            "a second candidate and unknown fields",
            wire(
                {"candidates": [*given({"text": "a"})["candidates"], {"index": 1}], "era": 3}, stop
            ),
        ),
        Recorded(
            "usage after the end",
            "an event of figures alone behind the finish",
            wire(stop, {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1}}),
        ),
        Recorded(
            "text after a call",
            "words behind a call, a finish by itself",
            wire(
                given(function("f", {"a": 1})),
                given({"text": "x"}),
                {"candidates": [{"finishReason": "STOP"}]},
            ),
        ),
        Recorded(
            "an error within",
            "Google's error object in the middle",
            wire(
                given({"text": "a"}),
                {"error": {"code": 503, "status": "UNAVAILABLE", "message": "m"}},
            ),
            "failed",
        ),
        Recorded(
            "a malformed call",
            "the model gave up",
            wire(given({"text": "a"}), given(finish="MALFORMED_FUNCTION_CALL")),
            "failed",
        ),
        Recorded(
            "cut short", "the body ends without a reason", wire(given({"text": "a"})), "failed"
        ),
    ]


GEMINI = [*(Recorded(name, "see its name", wire(*events)) for name, events, _ in TOLD), *_more()]

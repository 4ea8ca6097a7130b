"""Chat streams of those who speak OpenAI's dialect in their own way."""

from tests.recorded.chat import COUNTS, DONE, ROLE, STOP, called, choice, chunk, says, stream
from tests.recorded.stream import Recorded, sse

ELSEWHERE = [
    Recorded(
        "reasoning_content",
        "DeepSeek's thoughts, content null beside them; its cache's figures",
        stream(
            chunk(choice({"content": None, "reasoning_content": "Hm"})),
            chunk(choice({"content": "So", "reasoning_content": None})),
            chunk(usage={**COUNTS, "prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 4}),
        ),
    ),
    Recorded(
        "reasoning details",
        "OpenRouter's: its comments while it waits, thoughts twice told, what the call cost",
        sse(
            b": OPENROUTER PROCESSING\n\n",
            b": OPENROUTER PROCESSING\n\n",
            {**ROLE, "provider": "Elsewhere"},
            chunk(
                choice(
                    {
                        "content": "",
                        "reasoning": "h",
                        "reasoning_details": [
                            {"type": "reasoning.text", "text": "h", "format": "unknown", "index": 0}
                        ],
                    }
                )
            ),
            b": OPENROUTER PROCESSING\n\n",
            says("x"),
            chunk(choice({"content": ""}, "stop", native_finish_reason="STOP")),
            chunk(
                choice({"role": "assistant", "content": ""}),
                usage={
                    **COUNTS,
                    "cost": 0.0000123,
                    "cost_details": {"upstream_inference_cost": None},
                },
            ),
            DONE,
        ),
    ),
    Recorded(
        "filter results",
        "Azure's: a first chunk without choices and names, then verdicts in each and in one late",
        sse(
            {
                "choices": [],
                "created": 0,
                "id": "",
                "model": "",
                "object": "",
                "prompt_filter_results": [
                    {
                        "prompt_index": 0,
                        "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}},
                    }
                ],
            },
            ROLE,
            chunk(
                choice({"content": "a"}, content_filter_results={"violence": {"filtered": False}})
            ),
            STOP,
            {
                "id": "",
                "object": "",
                "created": 0,
                "model": "",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": None,
                        "content_filter_results": {},
                        "content_filter_offsets": {
                            "check_offset": 44,
                            "start_offset": 44,
                            "end_offset": 45,
                        },
                    }
                ],
            },
            DONE,
        ),
    ),
    Recorded(
        "x_groq",
        "Groq's own object at both ends, usage inside it",
        sse(
            {**ROLE, "x_groq": {"id": "req_01"}},
            says("a"),
            {**STOP, "x_groq": {"id": "req_01", "usage": {**COUNTS, "queue_time": 0.0027}}},
            DONE,
        ),
    ),
    Recorded(
        "parts for content",
        "Mistral's: thoughts and text as lists of parts, usage in the last chunk",
        sse(
            chunk(
                choice(
                    {
                        "content": [
                            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
                        ]
                    }
                )
            ),
            chunk(choice({"content": [{"type": "text", "text": "a"}]}), p="abcd"),
            chunk(choice({"content": ""}, "stop"), usage=COUNTS),
            DONE,
        ),
    ),
    Recorded(
        "citations",
        "Perplexity's: sources and totals in every chunk, the message so far beside each delta",
        stream(
            chunk(
                {
                    **choice({"content": "Oslo"}),
                    "message": {"role": "assistant", "content": "Oslo"},
                },
                citations=["https://a.example", "https://b.example"],
                search_results=[{"title": "A", "url": "https://a.example", "date": None}],
                usage=COUNTS,
            ),
        ),
    ),
    Recorded(
        "Cohere's",
        "its compatible endpoint: no id but on the first chunk, a plan before the call",
        called(
            {
                "choices": [choice({"tool_plan": "I will search."})],
                "object": "chat.completion.chunk",
            },
            {
                "choices": [
                    choice(
                        {
                            "tool_calls": [
                                {
                                    "index": 0,
                                    "id": "f0",
                                    "type": "function",
                                    "function": {"name": "f", "arguments": "{}"},
                                }
                            ]
                        }
                    )
                ]
            },
        ),
    ),
]

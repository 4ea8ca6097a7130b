"""Answers in one step: embeddings, completions, a count of tokens, a compacted conversation."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from sim.request import RequestError

_SIZE = 8  # numbers of an embedding
_CHARACTERS = 4  # of a token


class Asked(msgspec.Struct):
    """What is read of a request. ``prompt`` is the text that it is counted under."""

    model: str
    input: Any = None
    prompt: str = ""

    @property
    def texts(self) -> list[str]:
        """What is to be embedded."""
        given = self.input if isinstance(self.input, list) else [self.input]
        return [each if isinstance(each, str) else str(each) for each in given]


Answer = Callable[[Asked], bytes]


def decode(body: bytes) -> Asked:
    """The request in a body.

    Raises:
        RequestError: it is none.
    """
    try:
        asked = msgspec.json.decode(body, type=Asked)
    except msgspec.DecodeError as error:
        raise RequestError(str(error)) from error
    if not asked.prompt:
        asked.prompt = asked.texts[0] if asked.texts else ""
    return asked


def embeddings(asked: Asked) -> bytes:
    """One for each text, the same for the same text."""
    data = [
        {"object": "embedding", "index": place, "embedding": _numbers(text)}
        for place, text in enumerate(asked.texts)
    ]
    tokens = sum(map(_tokens, asked.texts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    answer = {"object": "list", "data": data, "model": asked.model, "usage": usage}
    return msgspec.json.encode(answer)


def completion(asked: Asked) -> bytes:
    """How the prompt goes on."""
    tokens = _tokens(asked.prompt)
    return msgspec.json.encode(
        {
            "id": "cmpl-sim",
            "object": "text_completion",
            "created": 1,
            "model": asked.model,
            "choices": [{"text": " and so on.", "index": 0, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": tokens, "completion_tokens": 3, "total_tokens": tokens + 3},
        }
    )


def input_tokens(asked: Asked) -> bytes:
    """How many the input has."""
    return msgspec.json.encode(
        {"object": "response.input_tokens", "input_tokens": sum(map(_tokens, asked.texts))}
    )


def compacted(asked: Asked) -> bytes:
    """A conversation that stands in one sealed item, behind its users' messages."""
    given = asked.input if isinstance(asked.input, list) else []
    users = [item for item in given if isinstance(item, dict) and item.get("role") == "user"]
    seal = {"id": "cmp_sim", "type": "compaction", "encrypted_content": "c2VhbGVk"}
    tokens = sum(map(_tokens, asked.texts))
    usage = {
        "input_tokens": tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens + 3,
    }
    return msgspec.json.encode(
        {
            "id": "resp_sim_compacted",
            "object": "response.compaction",
            "created_at": 1,
            "output": [*users, seal],
            "usage": usage,
        }
    )


def _numbers(text: str) -> list[float]:
    digest = hashlib.sha256(text.encode()).digest()
    return [byte / 255 for byte in digest[:_SIZE]]


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS)

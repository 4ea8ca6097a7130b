"""Usage in the messages dialect's terms, where its provider never said what an attempt cost.

An estimate counts characters, four to a token, and says ``"estimated": true``. What the
beginning of a message said of the prompt's cost is no estimate, and is kept; so is what was
said of the answer's, if it is more. A message has to say something: no prompt costs nothing, so
that 0 is what one begins with whose provider only counts at the end (chat's and others).
"""

from typing import Any

import msgspec

from broker.dialects.usage import tokens

_PROMPT = ("system", "messages", "tools")
_INPUT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def prompt(request: dict[str, Any]) -> int:
    """About how many tokens the prompt of a request is."""
    return tokens(len(msgspec.json.encode([request[key] for key in _PROMPT if key in request])))


def estimate(
    prompt: int | None, delivered: int, frames: int = 0, said: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The usage of an attempt that was cut off after ``delivered`` characters of answer.

    ``prompt`` is what its prompt is estimated at, None if the request is gone.
    """
    known = dict(said or {})
    if not any(known.get(key) for key in _INPUT):
        known["input_tokens"] = prompt or 0
    output = max(tokens(delivered), frames, known.get("output_tokens") or 0)
    return {**known, "output_tokens": output, "estimated": True}

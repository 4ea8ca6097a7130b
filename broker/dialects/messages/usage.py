"""Usage in the messages dialect's terms, where its provider never said what an attempt cost.

An estimate counts characters, four to a token, and says ``"estimated": true``. What the
beginning of a message said of the prompt's cost is no estimate, and is kept; so is what was
said of the answer's, if it is more.
"""

from typing import Any

import msgspec

from broker.dialects.usage import tokens

_PROMPT = ("system", "messages", "tools")


def estimate(
    request: dict[str, Any], delivered: int, frames: int = 0, said: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The usage of an attempt that was cut off after ``delivered`` characters of answer."""
    prompt = [request[key] for key in _PROMPT if key in request]
    known = {"input_tokens": tokens(len(msgspec.json.encode(prompt))), **(said or {})}
    output = max(tokens(delivered), frames, known.get("output_tokens") or 0)
    return {**known, "output_tokens": output, "estimated": True}

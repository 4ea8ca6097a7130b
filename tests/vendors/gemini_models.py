"""What Google's models take, by their names.

Sources: ai.google.dev, "Gemini thinking", "Thought signatures", "Structured outputs", "Gemini 3".
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Traits:
    """One model. ``budget`` is the range of its thinking budget, None where it doesn't think."""

    signed: bool  # whether calls of the present turn must be signed
    budget: tuple[int, int] | None
    off: bool  # whether thinking can be switched off
    json_beside_tools: bool


MODELS = {
    "gemini-2.0-flash": Traits(False, None, True, False),
    "gemini-2.5-flash": Traits(False, (0, 24576), True, False),
    "gemini-2.5-pro": Traits(False, (128, 32768), False, False),
    "gemini-3-pro-preview": Traits(True, (128, 32768), False, True),
    "gemini-3-flash-preview": Traits(True, (0, 32768), True, True),
}

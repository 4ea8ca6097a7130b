"""What models take of what can be asked in their provider's dialect.

``broker.dialects.vendors`` is the table of what vendors are known to take; an operator extends it
by ``[providers.NAME.takes."PATTERN"]`` for models whose names match the pattern (``*`` is any).
"""

from typing import Literal

import msgspec

Chars = Literal["any", "word", "alphanumeric"]  # word: letters, digits, "_" and "-"

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Takes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A row's or an operator's words; None: nothing is said of it, and it is taken as it comes."""

    # Tool calls and tools.
    call_id_chars: Chars | None = None  # that the id of a call may have
    call_id_least: int | None = None  # characters of one
    call_id_most: int | None = None
    call_ids_unique: bool | None = None  # whether no two calls of a conversation may share one
    tool_name_most: int | None = None  # characters of a tool's name
    tool_name_letter: bool | None = None  # whether it must begin with a letter or "_"
    tools_most: int | None = None
    forced_tool: bool | None = None  # whether a tool choice may insist on a call
    forced_tool_beside_thinking: bool | None = None
    # Turns.
    texts: Literal["any", "not empty", "not blank"] | None = None
    end_space: bool | None = None  # whether the last turn, if the model's, may end in white space
    prefill: bool | None = None  # whether the last turn may be the model's
    system_turns: bool | None = None  # whether system messages may stand within the conversation
    user_after_tool: bool | None = None  # whether another's turn may follow results directly
    pictures: bool | None = None
    thoughts: bool | None = None  # whether a turn of the model may have reasoning_content
    unsigned_thoughts: bool | None = None  # whether reasoning without a signature may come back
    # Of calls since the last text of the user:
    signed_calls: bool | None = None  # the first of a turn must have a signature
    reasoned_calls: bool | None = None  # their turn must have reasoning_content
    # Schemas.
    tool_schemas: bool | None = None  # whether a tool must have one
    typed_schemas: bool | None = None  # those of a tool must say that they are objects
    root_unions: bool | None = None  # anyOf, oneOf, allOf at the top of a tool's
    array_items: bool | None = None  # whether lists must say what they hold
    json_word: bool | None = None  # whether JSON must be spoken of where it is asked for
    json_schema: bool | None = None  # whether an answer can be held to one
    closed_schemas: bool | None = None  # objects are closed, of constraints few are known
    json_beside_tools: bool | None = None
    # Thinking.
    thinking: Literal["adaptive", "budget", "none"] | None = None
    thinking_off: Literal["disabled", "between_tools", "never"] | None = None
    thinking_goes_on: bool | None = None  # budget: within a loop of tools that began without it
    budget_least: int | None = None  # tokens
    budget_most: int | None = None
    efforts: tuple[Effort, ...] | None = None  # from the least on; () is none of them
    # Other settings.
    sampling: bool | None = None  # temperature, top_p and top_k, other than their defaults
    sampling_beside_thinking: bool | None = None
    top_p_beside_thinking: float | None = None  # from this on it is taken all the same
    temperature_beside_top_p: bool | None = None
    temperature_most: float | None = None
    penalties: bool | None = None
    verbosity: bool | None = None
    stops_most: int | None = None
    user_most: int | None = None  # characters of the word for who is called for
    length_least: int | None = None  # tokens that an answer may be limited to

"""What shows each row of the table of vendors: a check that holds with it and fails without it."""

from collections.abc import Callable
from typing import Any

from tests.unit.vendor_checks import (
    GEMINI,
    HAIKU,
    LONG,
    ODD,
    OPUS,
    SCHEMA,
    SONNET,
    Body,
    asks,
    budgeted,
    clipped,
    equal,
    function,
    lost,
    merged,
    never_off,
    nine,
    no_thinking,
    off,
    put,
    schema_of,
    short,
    show_adaptive,
    show_budget,
    show_closed,
    show_end_space,
    show_forced,
    show_forced_beside_thinking,
    show_json_schema,
    show_json_word,
    show_loop,
    show_no_pictures,
    show_reasoned,
    show_sampling,
    show_sampling_beside_thinking,
    show_signed_calls,
    show_thoughts,
    show_unsigned,
    show_user_after_tool,
    stops,
    system_turn,
    texts,
    told_ids,
    tool_name,
    typed,
    unique,
    word,
)


def show_beside_thinking() -> None:
    for model in (HAIKU, SONNET):
        show_sampling_beside_thinking("messages", model)


def show_short_ids() -> None:
    for to in ("chat", "responses"):
        told_ids(to, "m", LONG, short)


MANY = [function(name=f"f{number}") for number in range(129)]
LISTS: Body = {"type": "object", "properties": {"a": {"type": "array"}}}


SHOWN: dict[str, Callable[[], Any]] = {
    "messages.call_id_chars": lambda: told_ids("messages", "m", ODD, word),
    "claude.call_id_chars": lambda: told_ids("chat", "anthropic/claude-opus-4.8", ODD, word),
    "messages.call_ids_unique": lambda: unique("messages", "m"),
    "messages.tool_name_most": lambda: tool_name("messages", "m", "tide_" + "x" * 124, 128),
    "messages.texts": lambda: texts("messages", "m", " ", "\n\n"),
    "messages.end_space": show_end_space,
    "messages.typed_schemas": lambda: typed("messages", "m"),
    "messages.root_unions": lambda: merged("messages", "m"),
    "messages.closed_schemas": show_closed,
    "messages.temperature_most": lambda: equal(
        lost("messages", HAIKU, temperature=1.5), ["temperature"]
    ),
    "messages.user_most": lambda: equal(
        len(put("messages", "m", user="u" * 300)["metadata"]["user_id"]), 64
    ),
    "messages.system_turns": lambda: system_turn("messages", "m", "user"),
    "claude.system_turns": lambda: system_turn("messages", OPUS, "system"),
    "claude.unsigned_thoughts": show_unsigned,
    "claude.prefill": lambda: equal(
        lost("messages", OPUS, {"role": "assistant", "content": "It is"}), ["messages[1]"]
    ),
    "claude.no_thinking": no_thinking,
    "claude.budget": show_budget,
    "claude.thinking_goes_on": show_loop,
    "claude.adaptive": show_adaptive,
    "claude.efforts": lambda: clipped("messages", SONNET, "xhigh", "high"),
    "claude.efforts.xhigh": lambda: clipped("messages", OPUS, "xhigh", "xhigh"),
    "claude.thinking_never_off": lambda: never_off("messages", "claude-fable-5"),
    "claude.thinking_never_off.opus": lambda: never_off("messages", "claude-opus-5-5"),
    "claude.between_tools": lambda: off("messages", "claude-sonnet-5-5", {"type": "between_tools"}),
    "claude.forced_tool": lambda: show_forced("claude-opus-5-5"),
    "claude.forced_tool.fable": lambda: show_forced("claude-mythos-5-1"),
    "claude.forced_tool_beside_thinking": show_forced_beside_thinking,
    "claude.sampling": lambda: show_sampling("messages", OPUS),
    "claude.sampling_beside_thinking": show_beside_thinking,
    "claude.temperature_beside_top_p": lambda: equal(
        lost("messages", HAIKU, temperature=0.5, top_p=0.5), ["top_p"]
    ),
    "claude.json_schema": show_json_schema,
    "openai.call_id_most": show_short_ids,
    "openai.tool_name_most": lambda: tool_name("responses", "m", "tide_" + "x" * 62, 64),
    "openai.tools_most": lambda: equal(lost("responses", "m", tools=MANY), ["tools"]),
    "openai.typed_schemas": lambda: typed("responses", "m"),
    "openai.root_unions": lambda: merged("responses", "m"),
    "openai.array_items": lambda: equal(
        schema_of(put("responses", "m", tools=[function(LISTS)]))["properties"],
        {"a": {"type": "array", "items": {}}},
    ),
    "openai.json_word": show_json_word,
    "responses.tool_schemas": lambda: equal(
        schema_of(put("responses", "m", tools=[function(None)])),
        {"type": "object", "properties": {}},
    ),
    "openai.user_most": lambda: equal(len(put("responses", "m", user="u" * 80)["user"]), 64),
    "chat.stops_most": lambda: equal(stops("chat", "m"), (4, 3)),
    "responses.stops_most": lambda: equal(stops("responses", "m"), (0, 7)),
    "responses.length_least": lambda: equal(
        put("responses", "m", max_tokens=5)["max_output_tokens"], 16
    ),
    "gpt.no_reasoning": lambda: equal(
        lost("responses", "gpt-4o", reasoning_effort="low"), ["reasoning_effort"]
    ),
    "gpt.thoughts": show_thoughts,
    "gpt.verbosity": lambda: equal(lost("responses", "gpt-4o", verbosity="low"), ["verbosity"]),
    "gpt.efforts.o": lambda: clipped("chat", "o3", "xhigh", "high"),
    "gpt.efforts.5": lambda: clipped("chat", "gpt-5-mini", "xhigh", "high"),
    "gpt.efforts.5.1": lambda: clipped("chat", "gpt-5.1", "xhigh", "high"),
    "gpt.efforts.5.2": lambda: equal(
        put("responses", "gpt-5.2", reasoning_effort="minimal")["reasoning"], {"effort": "low"}
    ),
    "gpt.sampling.o": lambda: show_sampling("responses", "o3"),
    "gpt.sampling.5": lambda: show_sampling("responses", "gpt-5"),
    "gpt.sampling_beside_thinking": lambda: show_sampling_beside_thinking("responses", "gpt-5.2"),
    "gemini.texts": lambda: texts("gemini", "m", ""),
    "gemini.system_turns": lambda: system_turn("gemini", "m", "user"),
    "gemini.call_ids_unique": lambda: unique("gemini", "m"),
    "gemini.tool_name_letter": lambda: tool_name("gemini", "m", "1_tide", 64),
    "gemini.tool_name_most": lambda: tool_name("gemini", "m", "tide_" + "x" * 62, 64),
    "gemini.typed_schemas": lambda: typed("gemini", "m"),
    "gemini.stops_most": lambda: equal(stops("gemini", "m"), (5, 2)),
    "gemini.no_thinking": lambda: equal(
        lost("gemini", "gemini-2.0-flash", reasoning_effort="low"), ["reasoning_effort"]
    ),
    "gemini.budget.pro": lambda: never_off("gemini", "gemini-2.5-pro"),
    "gemini.budget.flash": lambda: equal(budgeted("gemini-2.5-flash", 30000), 24576),
    "gemini.budget.flash_lite": lambda: equal(budgeted("gemini-2.5-flash-lite", 100), 512),
    "gemini.thinking_never_off": lambda: never_off("gemini", GEMINI),
    "gemini.json_beside_tools": lambda: equal(
        lost("gemini", "gemini-2.5-flash", tools=[function()], response_format=asks(SCHEMA)),
        ["response_format"],
    ),
    "gemini.signed_calls": show_signed_calls,
    "mistral.call_ids": lambda: told_ids("chat", "mistral-large-latest", ODD, nine),
    "mistral.system_turns": lambda: system_turn("chat", "mistral-large-latest", "user"),
    "mistral.texts": lambda: texts("chat", "mistral-large-latest", ""),
    "mistral.user_after_tool": show_user_after_tool,
    "deepseek.reasoned_calls": lambda: show_reasoned("deepseek-chat"),
    "deepseek.pictures": show_no_pictures,
    "kimi.reasoned_calls": lambda: show_reasoned("kimi-k2-thinking"),
    "qwen.system_turns": lambda: system_turn("chat", "qwen3-32b", "user"),
}

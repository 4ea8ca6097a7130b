"""What shows each row of the table of vendors: a request that the vendor would refuse without it.

``SHOWN`` has for each row a check that holds with it and fails without it.
"""

import json
from collections.abc import Callable
from typing import Any

from broker.dialects.mending import mended
from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import put as translated
from broker.dialects.neutral.translation import translate_request
from broker.errors import Unexpressible
from broker.settings import Provider

Body = dict[str, Any]
HI: Body = {"role": "user", "content": "Hi"}
ODD, LONG = "functions.tide:0", "call_" + "x" * 95
TOOL: Body = {"type": "object", "properties": {"port": {"type": "string"}}}
OPUS, HAIKU, SONNET, OLD = (
    "claude-opus-4-8",
    "claude-haiku-4-5",
    "claude-sonnet-4-6",
    "claude-3-5-haiku",
)
GEMINI = "gemini-3-pro"


def put(to: str, model: str, *turns: Body, caller: str = "chat", **fields: Any) -> Body:
    """A caller's request for a model; chat's, unless said otherwise."""
    told = {"messages": [HI, *turns]} if caller != "responses" else {"input": [HI, *turns]}
    base = {"model": "x", **({"max_tokens": 2000} if caller == "messages" else {}), **told}
    return translate_request(base | fields, caller, to, model)


def lost(to: str, model: str, *turns: Body, **fields: Any) -> list[str]:
    """The paths that a request is refused for."""
    try:
        put(to, model, *turns, **fields)
    except Unexpressible as error:
        return [loss.path for loss in error.losses]
    return []


def allowed(to: str, model: str, words: tuple[str, ...], **fields: Any) -> Body:
    """What is sent where the operator allows these losses."""
    body = {"model": "x", "messages": [HI], **fields}
    return translate_request(body, "chat", to, model, terms=Terms(allow_loss=frozenset(words)))


def call(*ids: str, name: str = "tide") -> list[Body]:
    """A turn of the model in chat that calls tools, and their results."""
    calls = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}} for id in ids
    ]
    results = [{"role": "tool", "tool_call_id": id, "content": "3 m"} for id in ids]
    return [{"role": "assistant", "content": None, "tool_calls": calls}, *results]


def function(parameters: Any = TOOL, name: str = "tide", **fields: Any) -> Body:
    return {"type": "function", "function": {"name": name, "parameters": parameters, **fields}}


def ids_of(body: Body) -> list[str]:
    """The ids of calls and results in a written request, in their order."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, list):
            for each in value:
                walk(each)
        elif isinstance(value, dict):
            keys = ("tool_use_id", "tool_call_id", "call_id")
            found.extend(value[key] for key in keys if key in value)
            if value.get("type") in ("tool_use", "function") and "id" in value:
                found.append(value["id"])
            for key in ("functionCall", "functionResponse"):
                if key in value:
                    found.append(value[key]["id"])
            for each in value.values():
                walk(each)

    walk(body)
    return found


def told_ids(to: str, model: str, id: str, taken: Callable[[str], bool]) -> None:
    """An id that is not taken becomes one that is, for the call and its result."""
    one, two = ids_of(put(to, model, *call(id)))
    assert one == two
    assert taken(one)
    assert ids_of(put(to, model, *call("call_1"), *call(id)))[2:] == [one, one]


def word(id: str) -> bool:
    return bool(id) and all(each.isalnum() or each in "_-" for each in id) and id.isascii()


def unique(to: str, model: str) -> None:
    """Calls of two turns that share an id are told apart, each with its own result."""
    first, its, second, other = ids_of(put(to, model, *call("call_0"), HI, *call("call_0")))
    assert first == its == "call_0"
    assert second == other != "call_0"


def tool_name(to: str, model: str, name: str, most: int) -> None:
    """A name that is not taken becomes one that is, for the tool, its choice and its calls."""
    choice = {"type": "function", "function": {"name": name}}
    body = put(
        to, model, *call("call_1", name=name), tools=[function(name=name)], tool_choice=choice
    )
    told = [text for text in strings(body) if "tide" in text]
    assert name not in told
    assert len(set(told)) == 1
    assert len(told) >= 3
    assert len(told[0]) <= most


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in strings(each)]


def schema_of(body: Body) -> Body:
    """The schema of the one tool."""
    (tool,) = body["tools"]
    if "functionDeclarations" in tool:
        (tool,) = tool["functionDeclarations"]
    tool = tool.get("function", tool)
    keys = ("input_schema", "parameters", "parametersJsonSchema")
    return next((tool[key] for key in keys if key in tool), {})


def typed(to: str, model: str) -> None:
    for parameters in ({}, {"properties": {"port": {"type": "string"}}}, {"type": "string"}):
        assert schema_of(put(to, model, tools=[function(parameters)]))["type"] == "object"


def merged(to: str, model: str) -> None:
    one = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]}
    two = {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}
    found = schema_of(put(to, model, tools=[function({"anyOf": [one, two]})]))
    assert found.keys() == {"type", "properties", "required", "description"}
    assert (set(found["properties"]), found["required"]) == ({"a", "b"}, ["b"])
    assert '"anyOf"' in found["description"]


def texts(to: str, model: str, *blank: str) -> None:
    said = [{"type": "text", "text": text} for text in (*blank, "hi")]
    body = put(
        to,
        model,
        {"role": "assistant", "content": blank[-1]},
        {"role": "user", "content": said},
        {"role": "assistant", "content": blank[-1], "tool_calls": call("call_1")[0]["tool_calls"]},
        {"role": "tool", "tool_call_id": "call_1", "content": "3 m"},
        {"role": "user", "content": blank[-1]},
    )
    found = [text for text in strings(body) if text in blank]
    assert found == []
    alone = translate_request(
        {"model": "x", "messages": [{"role": "user", "content": blank[-1]}]}, "chat", to, model
    )
    (turn,) = alone.get("messages") or alone["contents"]
    assert "[an empty message]" in strings(turn)


def system_turn(to: str, model: str, role: str) -> None:
    late = [{"role": "assistant", "content": "b"}, HI, {"role": "system", "content": "Be brief"}]
    turn = (put(to, model, *late).get("messages") or put(to, model, *late)["contents"])[-1]
    assert turn["role"] == role
    assert "Be brief" in json.dumps(turn)
    assert ("<system>" in json.dumps(turn)) == (role == "user")


def off(to: str, model: str, told: Body) -> None:
    """Not to think, as this model is told it."""
    assert put(to, model, reasoning_effort="none")["thinking"] == told


def budgeted(model: str, budget: int) -> Any:
    """The budget that Gemini is told."""
    thinking = {"type": "enabled", "budget_tokens": budget}
    body = put("gemini", model, caller="messages", thinking=thinking, max_tokens=40000)
    return body["generationConfig"]["thinkingConfig"]["thinkingBudget"]


def equal(found: Any, expected: Any) -> None:
    assert found == expected


def budget(asked: str, **fields: Any) -> Body:
    body = put("messages", HAIKU, reasoning_effort=asked, **fields)
    assert "output_config" not in body
    assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"]
    assert body["thinking"]["type"] == "enabled"
    return body


def show_budget() -> None:
    for each in ("minimal", "low", "medium", "high", "xhigh"):
        budget(each)
        budget(each, max_tokens=1100)
    assert lost("messages", HAIKU, reasoning_effort="low", max_tokens=1024) == ["reasoning_effort"]


def show_loop() -> None:
    """A loop of tools that another model began goes on without thinking."""
    assert "thinking" not in put("messages", HAIKU, *call("a"), reasoning_effort="low")
    sealed = {
        "reasoning_details": [
            {"type": "reasoning.text", "text": "Hm", "signature": "streamhold:messages::s"}
        ]
    }
    turn, result = call("a")
    assert "thinking" in put("messages", HAIKU, turn | sealed, result, reasoning_effort="low")


FORCED: Body = {"tools": [function()], "tool_choice": "required"}
SCHEMA: Body = {
    "type": "object",
    "properties": {
        "age": {"type": "integer", "minimum": 1},
        "name": {"type": "string", "minLength": 2},
    },
    "required": ["age"],
}


def asks(schema: Any) -> Body:
    return {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}


def show_closed() -> None:
    body = put("messages", OPUS, response_format=asks(SCHEMA))
    schema = body["output_config"]["format"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["age"] == {"type": "integer", "description": "{minimum: 1}"}
    assert "minLength" not in schema["properties"]["name"]


def show_json_schema() -> None:
    assert lost("messages", OLD, response_format=asks(SCHEMA)) == ["response_format"]
    body = allowed("messages", OLD, ("json_schema",), response_format=asks(SCHEMA))
    assert '"minimum":1' in body["system"]


def show_forced_beside_thinking() -> None:
    for model in (HAIKU, OPUS, SONNET):
        assert lost("messages", model, reasoning_effort="low", **FORCED) == ["reasoning_effort"]
        body = allowed("messages", model, ("reasoning",), reasoning_effort="low", **FORCED)
        assert body["tool_choice"] == {"type": "any"}
        assert "thinking" not in body


def show_forced(model: str) -> None:
    assert lost("messages", model, **FORCED) == ["tool_choice"]
    assert allowed("messages", model, ("tool_choice",), **FORCED)["tool_choice"] == {"type": "auto"}
    assert put("messages", model, tools=[function()], tool_choice="auto")["tools"]


def show_sampling(to: str, model: str) -> None:
    assert lost(to, model, temperature=0.2, top_p=0.5) == ["temperature", "top_p"]
    body = put(to, model, temperature=1, top_p=1)
    assert "temperature" not in body
    assert "top_p" not in body


def show_sampling_beside_thinking(to: str, model: str) -> None:
    assert lost(to, model, temperature=0.2, reasoning_effort="low") == ["temperature"]
    assert put(to, model, temperature=0.2)["temperature"] == 0.2
    assert "temperature" not in put(to, model, temperature=1, reasoning_effort="low")


def show_end_space() -> None:
    body = put("messages", HAIKU, {"role": "assistant", "content": "It is "})
    assert body["messages"][-1]["content"] == "It is"


def show_adaptive() -> None:
    thinking = {"type": "enabled", "budget_tokens": 5000}
    body = put("messages", OPUS, caller="messages", thinking=thinking, max_tokens=9000)
    assert (body["thinking"], body["output_config"]) == ({"type": "adaptive"}, {"effort": "medium"})


def stops(to: str, model: str) -> tuple[int, int]:
    """How many of seven stop sequences the provider is told, and how many are cut at here."""
    body = {"model": "x", "max_tokens": 9, "messages": [HI], "stop_sequences": list("abcdefg")}
    made = translated(body, "messages", to, model, Terms())
    settings = made.request.get("generationConfig", made.request)
    told = settings.get("stop") or settings.get("stopSequences") or ()
    return len(told), len(made.cut.stop)


def show_signed_calls() -> None:
    earlier = call("a")
    body = put("gemini", GEMINI, *earlier, HI, *call("b", "c"), *call("d"))
    parts = [part for content in body["contents"] for part in content["parts"]]
    signed = {
        part["functionCall"]["id"]: part.get("thoughtSignature")
        for part in parts
        if "functionCall" in part
    }
    skip = "skip_thought_signature_validator"
    assert signed == {"a": None, "b": skip, "c": None, "d": skip}
    turn, result = call("e")
    own = {"reasoning_details": [{"type": "reasoning.encrypted", "data": "streamhold:gemini::sig"}]}
    (content,) = put("gemini", GEMINI, turn | own, result)["contents"][1:2]
    assert content["parts"][0]["thoughtSignature"] == "sig"


USED: Body = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
RESULT: Body = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
THOUGHT: Body = {"type": "thinking", "thinking": "Hm", "signature": "s"}


def show_reasoned(model: str) -> None:
    for blocks, told in (([THOUGHT, USED], "Hm"), ([USED], "")):
        turns = [{"role": "assistant", "content": blocks}, {"role": "user", "content": [RESULT]}]
        body = put("chat", model, *turns, caller="messages")
        assert body["messages"][1]["reasoning_content"] == told


def show_no_pictures() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]
    turn = {"role": "user", "content": parts}
    assert lost("chat", "deepseek-chat", turn) == ["messages[1].content[0].image_url"]
    body = allowed("chat", "deepseek-chat", ("images",), messages=[turn])
    assert "[A picture was left out]" in strings(body)
    assert lost("chat", "deepseek-vl2", turn) == []


def show_user_after_tool() -> None:
    asked = {"role": "user", "content": [RESULT, {"type": "text", "text": "And?"}]}
    turns = [{"role": "assistant", "content": [USED]}, asked]
    body = put("chat", "mistral-large-latest", *turns, caller="messages")
    roles = [each["role"] for each in body["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


def show_thoughts() -> None:
    """Reasoning that nobody signed is told to whoever reads it, and not to a GPT."""
    said = [{"type": "reasoning_text", "text": "Hm"}]
    turns = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": said},
        {"role": "assistant", "content": "Yes"},
    ]
    assert "reasoning_content" in put("chat", "m", *turns, caller="responses")["messages"][1]
    assert "reasoning_content" not in json.dumps(put("chat", "gpt-5.2", *turns, caller="responses"))


def show_json_word() -> None:
    form: Body = {"type": "json_object"}
    asked = put("chat", "m", caller="responses", text={"format": form})["messages"]
    assert "JSON" in asked[0]["content"]
    told = put("responses", "m", response_format=form)["input"]
    assert "JSON" in told[0]["content"]
    said = put("responses", "m", {"role": "user", "content": "As json"}, response_format=form)
    assert len(said["input"]) == 2


def show_unsigned() -> None:
    blocks = [{**THOUGHT, "signature": ""}, {"type": "text", "text": "a"}]
    body = {"messages": [HI, {"role": "assistant", "content": blocks}]}
    provider = Provider(dialect="messages")
    assert mended(body, provider, "kimi-k2") is body
    assert mended(body, provider, OPUS)["messages"][1]["content"] == blocks[1:]


def no_thinking() -> None:
    assert lost("messages", OLD, reasoning_effort="low") == ["reasoning_effort"]
    assert "thinking" not in put("messages", OLD, reasoning_effort="none")


def never_off(to: str, model: str) -> None:
    assert lost(to, model, reasoning_effort="none") == ["reasoning_effort"]
    assert allowed(to, model, ("reasoning",), reasoning_effort="none")


def clipped(to: str, model: str, asked: str, told: str) -> None:
    body = put(to, model, reasoning_effort=asked)
    assert (body.get("output_config") or {"effort": body.get("reasoning_effort")})["effort"] == told


def nine(id: str) -> bool:
    return len(id) == 9 and id.isalnum() and id.isascii()


def short(id: str) -> bool:
    return 1 <= len(id) <= 64


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
    "claude.sampling_beside_thinking": lambda: (
        show_sampling_beside_thinking("messages", HAIKU),
        show_sampling_beside_thinking("messages", SONNET),
    ),
    "claude.temperature_beside_top_p": lambda: equal(
        lost("messages", HAIKU, temperature=0.5, top_p=0.5), ["top_p"]
    ),
    "claude.json_schema": show_json_schema,
    "openai.call_id_most": lambda: (
        told_ids("chat", "m", LONG, short),
        told_ids("responses", "m", LONG, short),
    ),
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
    "mistral.user_after_tool": show_user_after_tool,
    "deepseek.reasoned_calls": lambda: show_reasoned("deepseek-chat"),
    "deepseek.pictures": show_no_pictures,
    "kimi.reasoned_calls": lambda: show_reasoned("kimi-k2-thinking"),
    "qwen.system_turns": lambda: system_turn("chat", "qwen3-32b", "user"),
}

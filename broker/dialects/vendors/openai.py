"""What OpenAI takes: the chat and responses dialects, and the models GPT and o."""

from broker.dialects.vendors.row import Row
from broker.settings.takes import Takes

_BOTH = ("chat", "responses")
_CHAT = ("chat",)
_RESPONSES = ("responses",)
_REFERENCE = "platform.openai.com/docs/api-reference, "
_GUIDE = "platform.openai.com/docs/guides, "
_SAYS = "its answer: "

ROWS: tuple[Row, ...] = (
    Row(
        name="openai.call_id_most",
        dialects=_BOTH,
        takes=Takes(call_id_least=1, call_id_most=64),
        source=_SAYS + "string too long. Expected a string with maximum length 64",
    ),
    Row(
        name="openai.tool_name_most",
        dialects=_BOTH,
        takes=Takes(tool_name_most=64),
        source=f"{_REFERENCE}Chat, tools.function.name: a maximum length of 64",
    ),
    Row(
        name="openai.tools_most",
        dialects=_BOTH,
        takes=Takes(tools_most=128),
        source=f"{_REFERENCE}Chat, tools: a max of 128 functions",
    ),
    Row(
        name="openai.typed_schemas",
        dialects=_BOTH,
        takes=Takes(typed_schemas=True),
        source=_SAYS + "schema must be a JSON Schema of 'type: \"object\"'",
    ),
    Row(
        name="openai.root_unions",
        dialects=_BOTH,
        takes=Takes(root_unions=False),
        source=_SAYS + "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf' at the "
        "top level",
    ),
    Row(
        name="openai.array_items",
        dialects=_BOTH,
        takes=Takes(array_items=True),
        source=_SAYS + "Invalid schema for function: array schema missing items",
    ),
    Row(
        name="openai.json_word",
        dialects=_BOTH,
        takes=Takes(json_word=True),
        source=_SAYS + "'messages' must contain the word 'json' in some form, to use "
        "'response_format' of type 'json_object'",
    ),
    Row(
        name="responses.tool_schemas",
        dialects=_RESPONSES,
        takes=Takes(tool_schemas=True),
        source=f"{_REFERENCE}Responses, tools: a function's parameters are required",
    ),
    Row(
        name="openai.user_most",
        dialects=_BOTH,
        takes=Takes(user_most=64),
        source=_SAYS + "Invalid 'user': string too long. Expected a string with maximum length 64",
    ),
    Row(
        name="chat.stops_most",
        dialects=_CHAT,
        takes=Takes(stops_most=4),
        source=f"{_REFERENCE}Chat, stop: up to 4 sequences",
    ),
    Row(
        name="responses.stops_most",
        dialects=_RESPONSES,
        takes=Takes(stops_most=0),
        source=f"{_REFERENCE}Responses: there is no such field",
    ),
    Row(
        name="responses.length_least",
        dialects=_RESPONSES,
        takes=Takes(length_least=16),
        source=_SAYS + "integer below minimum value. Expected a value >= 16",
    ),
    Row(
        name="gpt.no_reasoning",
        dialects=_BOTH,
        vendor="gpt",
        families=("", "chat"),
        before=(5, 0),
        takes=Takes(efforts=()),
        source=_SAYS + "Unrecognized request argument supplied: reasoning_effort",
    ),
    Row(
        name="gpt.thoughts",
        dialects=_CHAT,
        vendor="gpt",
        direct=True,
        takes=Takes(thoughts=False),
        source=f"{_REFERENCE}Chat, messages: an assistant's has no reasoning_content",
    ),
    Row(
        name="gpt.verbosity",
        dialects=_BOTH,
        vendor="gpt",
        before=(5, 0),
        takes=Takes(verbosity=False),
        source=f"{_GUIDE}Using GPT-5: verbosity is new with it",
    ),
    Row(
        name="gpt.efforts.o",
        dialects=_BOTH,
        vendor="gpt",
        families=("o",),
        takes=Takes(efforts=("low", "medium", "high")),
        source=f"{_REFERENCE}Chat, reasoning_effort",
    ),
    Row(
        name="gpt.efforts.5",
        dialects=_BOTH,
        vendor="gpt",
        families=("",),
        since=(5, 0),
        before=(5, 1),
        takes=Takes(efforts=("minimal", "low", "medium", "high")),
        source=f"{_REFERENCE}Chat, reasoning_effort",
    ),
    Row(
        name="gpt.efforts.5.1",
        dialects=_BOTH,
        vendor="gpt",
        families=("",),
        since=(5, 1),
        before=(5, 2),
        takes=Takes(efforts=("none", "low", "medium", "high")),
        source=f"{_REFERENCE}Chat, reasoning_effort: gpt-5.1 has none, and no minimal",
    ),
    Row(
        name="gpt.efforts.5.2",
        dialects=_BOTH,
        vendor="gpt",
        families=("",),
        since=(5, 2),
        takes=Takes(efforts=("none", "low", "medium", "high", "xhigh")),
        source=f"{_REFERENCE}Chat, reasoning_effort: xhigh is new with gpt-5.2",
    ),
    Row(
        name="gpt.sampling.o",
        dialects=_BOTH,
        vendor="gpt",
        families=("o",),
        takes=Takes(sampling=False, penalties=False, stops_most=0),
        source=f"{_GUIDE}Reasoning: temperature, top_p, penalties and stop are refused",
    ),
    Row(
        name="gpt.sampling.5",
        dialects=_BOTH,
        vendor="gpt",
        families=("",),
        since=(5, 0),
        before=(5, 1),
        takes=Takes(sampling=False, penalties=False, stops_most=0),
        source=_SAYS + "Unsupported value: 'temperature' does not support 0.2 with this model. "
        "Only the default (1) value is supported.",
    ),
    Row(
        name="gpt.sampling_beside_thinking",
        dialects=_BOTH,
        vendor="gpt",
        families=("",),
        since=(5, 1),
        takes=Takes(sampling_beside_thinking=False, stops_most=0),
        source=f"{_GUIDE}Using GPT-5.2: temperature and top_p only with reasoning effort none",
    ),
)

"""What Google takes: the gemini dialect, and the models Gemini."""

from broker.dialects.vendors.row import Row
from broker.settings.takes import Takes

_GEMINI = ("gemini",)
_DOCS = "ai.google.dev/gemini-api/docs, "
_SAYS = "its answer: "

ROWS: tuple[Row, ...] = (
    Row(
        name="gemini.texts",
        dialects=_GEMINI,
        takes=Takes(texts="not empty"),
        source=_SAYS + "contents.parts must not be empty",
    ),
    Row(
        name="gemini.system_turns",
        dialects=_GEMINI,
        takes=Takes(system_turns=False),
        source=_SAYS + "Please use a valid role: user, model.",
    ),
    Row(
        name="gemini.call_ids_unique",
        dialects=_GEMINI,
        takes=Takes(call_ids_unique=True),
        source=_SAYS + "the number of function response parts is equal to the number of function "
        "call parts of the function call turn",
    ),
    Row(
        name="gemini.tool_name_letter",
        dialects=_GEMINI,
        takes=Takes(tool_name_letter=True),
        source=_SAYS + "Invalid function name. Must start with a letter or an underscore.",
    ),
    Row(
        name="gemini.tool_name_most",
        dialects=_GEMINI,
        takes=Takes(tool_name_most=64),
        source=f"{_DOCS}Function calling, FunctionDeclaration.name: at most 64 characters",
    ),
    Row(
        name="gemini.typed_schemas",
        dialects=_GEMINI,
        takes=Takes(typed_schemas=True),
        source=_SAYS + "function parameters schema should be of type OBJECT",
    ),
    Row(
        name="gemini.stops_most",
        dialects=_GEMINI,
        takes=Takes(stops_most=5),
        source=f"{_DOCS}GenerationConfig.stopSequences: up to 5",
    ),
    Row(
        name="gemini.no_thinking",
        dialects=_GEMINI,
        vendor="gemini",
        before=(2, 5),
        takes=Takes(thinking="none"),
        source=_SAYS + "Thinking is not enabled for this model",
    ),
    Row(
        name="gemini.budget.pro",
        dialects=_GEMINI,
        vendor="gemini",
        families=("pro",),
        since=(2, 5),
        before=(3, 0),
        takes=Takes(budget_least=128, budget_most=32768, thinking_off="never"),
        source=f"{_DOCS}Thinking: 128 to 32768, and not off",
    ),
    Row(
        name="gemini.budget.flash",
        dialects=_GEMINI,
        vendor="gemini",
        families=("flash",),
        since=(2, 5),
        before=(3, 0),
        takes=Takes(budget_most=24576),
        source=f"{_DOCS}Thinking: 0 to 24576",
    ),
    Row(
        name="gemini.budget.flash_lite",
        dialects=_GEMINI,
        vendor="gemini",
        families=("flash-lite",),
        since=(2, 5),
        before=(3, 0),
        takes=Takes(budget_least=512, budget_most=24576),
        source=f"{_DOCS}Thinking: 512 to 24576, or off",
    ),
    Row(
        name="gemini.thinking_never_off",
        dialects=_GEMINI,
        vendor="gemini",
        since=(3, 0),
        takes=Takes(thinking_off="never", budget_least=128, budget_most=32768),
        source=f"{_DOCS}Thinking: Gemini 3 can't be told not to",
    ),
    Row(
        name="gemini.json_beside_tools",
        dialects=_GEMINI,
        vendor="gemini",
        before=(3, 0),
        takes=Takes(json_beside_tools=False),
        source=_SAYS + "Function calling with a response mime type: 'application/json' is "
        "unsupported",
    ),
    Row(
        name="gemini.signed_calls",
        dialects=_GEMINI,
        vendor="gemini",
        since=(3, 0),
        takes=Takes(signed_calls=True),
        source=f"{_DOCS}Thought signatures, FAQ: traces of other models",
    ),
)

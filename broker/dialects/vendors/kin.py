"""What vendors and servers take that speak chat as OpenAI's kin, by the models that they run."""

from broker.dialects.vendors.row import Row
from broker.settings.takes import Takes

_CHAT = ("chat",)

ROWS: tuple[Row, ...] = (
    Row(
        name="mistral.call_ids",
        dialects=_CHAT,
        vendor="mistral",
        takes=Takes(call_id_chars="alphanumeric", call_id_least=9, call_id_most=9),
        source="its answer: Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9",
    ),
    Row(
        name="mistral.user_after_tool",
        dialects=_CHAT,
        vendor="mistral",
        takes=Takes(user_after_tool=False),
        source="its answer: Unexpected role 'user' after role 'tool'",
    ),
    Row(
        name="deepseek.reasoned_calls",
        dialects=_CHAT,
        vendor="deepseek",
        takes=Takes(reasoned_calls=True),
        source="api-docs.deepseek.com/guides/thinking_mode: it must be passed back beside calls",
    ),
    Row(
        name="deepseek.pictures",
        dialects=_CHAT,
        vendor="deepseek",
        families=("",),
        takes=Takes(pictures=False),
        source="its answer: unknown variant `image_url`, expected `text`",
    ),
    Row(
        name="kimi.reasoned_calls",
        dialects=_CHAT,
        vendor="kimi",
        takes=Takes(reasoned_calls=True),
        source="platform.moonshot.ai, Use thinking models: reasoning_content is kept in a loop",
    ),
    Row(
        name="qwen.system_turns",
        dialects=_CHAT,
        vendor="qwen",
        takes=Takes(system_turns=False),
        source="its chat template: System message must be at the beginning.",
    ),
)

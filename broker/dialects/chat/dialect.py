"""The chat dialect as one value."""

from typing import Any

from broker.dialects.chat.errors import error, failure_error
from broker.dialects.chat.fold import ChatFold
from broker.dialects.chat.joint import Joint
from broker.dialects.chat.request import check, choices, continued
from broker.dialects.chat.tools import begins_call, leads_to_call
from broker.dialects.chat.transcript import Transcript
from broker.dialects.chat.usage import estimate, prompt
from broker.dialects.chat.view import ChatView
from broker.dialects.dialect import Dialect
from broker.dialects.opening import opens_chat


def _view(request: dict[str, Any]) -> ChatView:
    options = request.get("stream_options") or {}
    return ChatView(include_usage=bool(options.get("include_usage")))


CHAT = Dialect(
    name="chat",
    path="/v1/chat/completions",
    owns=("/v1/chat/", "/v1/models"),
    check=check,
    choices=choices,
    view=_view,
    folding=ChatFold,
    transcript=Transcript.of,
    joint=Joint,
    continued=continued,
    pieces=lambda said: [said.text()],
    begins_call=begins_call,
    leads_to_call=leads_to_call,
    opens=opens_chat,
    prompt=prompt,
    estimate=estimate,
    error=error,
    failure=failure_error,
)

"""The messages dialect as one value."""

from typing import Any

from broker.dialects.dialect import Dialect
from broker.dialects.messages.betas import BETA
from broker.dialects.messages.errors import error, failure_error
from broker.dialects.messages.fold import MessagesFold
from broker.dialects.messages.joint import Joint
from broker.dialects.messages.refused import refused
from broker.dialects.messages.request import check, continued
from broker.dialects.messages.tools import begins_call, leads_to_call
from broker.dialects.messages.transcript import Transcript
from broker.dialects.messages.usage import estimate, prompt
from broker.dialects.messages.view import MessagesView
from broker.dialects.opening import opens_messages


def _view(_request: dict[str, Any]) -> MessagesView:
    return MessagesView()


def _one(_request: dict[str, Any]) -> int:
    return 1


MESSAGES = Dialect(
    name="messages",
    path="/v1/messages",
    owns=("/v1/messages",),
    headers={"anthropic-beta": BETA},
    request_id_header=b"request-id",
    check=check,
    choices=_one,
    view=_view,
    folding=MessagesFold,
    transcript=Transcript.of,
    joint=Joint,
    continued=continued,
    pieces=lambda said: said.texts(),
    begins_call=begins_call,
    leads_to_call=leads_to_call,
    opens=opens_messages,
    prompt=prompt,
    estimate=estimate,
    error=error,
    failure=failure_error,
    refused=refused,
)

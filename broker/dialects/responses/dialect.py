"""The responses dialect as one value."""

from typing import Any

from broker.dialects.chat.errors import error, failure_error
from broker.dialects.dialect import Dialect, Mode
from broker.dialects.opening import opens_responses
from broker.dialects.responses.continuation import Continuation
from broker.dialects.responses.event import event_of
from broker.dialects.responses.fold import ResponsesFold
from broker.dialects.responses.joint import Joint
from broker.dialects.responses.minted import is_minted
from broker.dialects.responses.request import check, continued, stored
from broker.dialects.responses.rest import Rest
from broker.dialects.responses.transcript import Transcript
from broker.dialects.responses.usage import estimate, prompt
from broker.dialects.responses.view import ResponsesView, closing, last_shown
from broker.frames import Frame, Kind

_SPEAK = frozenset(("message", "reasoning"))  # items that call no tool


def _view(_request: dict[str, Any]) -> ResponsesView:
    return ResponsesView()


def _joint(said: Transcript, mode: Mode, spent: dict[str, Any] | None) -> Continuation | Joint:
    return Continuation(said, spent) if mode == "continue" else Joint(said, spent)


def _follows(request: dict[str, Any]) -> str | None:
    previous = request.get("previous_response_id")
    return previous if isinstance(previous, str) and is_minted(previous) else None


def begins_call(frame: Frame) -> bool:
    """Whether a tool call begins in a frame."""
    if frame.kind != Kind.DIALECT or not frame.body.startswith(_ADDED):
        return False
    item = (event_of(frame) or {}).get("item")
    return isinstance(item, dict) and str(item.get("type")) not in _SPEAK


def leads_to_call(frame: Frame) -> bool:
    """Whether a frame may be of a seal that a tool call after it bears."""
    if not frame.body.startswith((_ADDED, _DONE)):
        return False
    item = (event_of(frame) or {}).get("item")
    return isinstance(item, dict) and item.get("type") == "reasoning" and not item.get("summary")


_DONE = b"event: response.output_item.done\n"
_ADDED = b"event: response.output_item.added\n"

RESPONSES = Dialect(
    name="responses",
    path="/v1/responses",
    owns=("/v1/responses",),
    check=check,
    choices=lambda _request: 1,
    view=_view,
    folding=ResponsesFold,
    transcript=Transcript.of,
    joint=_joint,
    rest=Rest,
    continued=continued,
    pieces=lambda said: [said.text()],
    begins_call=begins_call,
    leads_to_call=leads_to_call,
    opens=opens_responses,
    prompt=prompt,
    estimate=estimate,
    error=error,
    failure=failure_error,
    keeps=stored,
    follows=_follows,
    last_shown=last_shown,
    parting=closing,
    numbers=True,
)

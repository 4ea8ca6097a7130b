"""The last turn, which some models want to be the user's."""

from broker.dialects.neutral.losing import lose
from broker.dialects.neutral.request import Request
from broker.loss import Loss
from broker.settings.takes import Takes


def check_end(request: Request, takes: Takes) -> None:
    """Lose a last turn of the model that this model does not go on from.

    Raises:
        Unexpressible: there is one, and nobody collects losses.
    """
    last = request.messages[-1] if request.messages else None
    if takes.prefill is False and last is not None and last.role == "assistant" and last.parts:
        why = "this model does not go on from a turn of its own"
        lose(Loss(last.at or "messages", why, '"assistant"', "value"))

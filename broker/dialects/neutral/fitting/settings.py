"""Single settings of a request, as a model takes them."""

from broker.dialects.neutral.losing import lose_setting
from broker.dialects.neutral.request import Request
from broker.settings.takes import Takes


def fitting_length(request: Request, takes: Takes) -> int | None:
    """The greatest length of the answer, in tokens: the least that is taken, if less is asked."""
    length, least = request.max_tokens, takes.length_least
    return length if length is None or least is None else max(length, least)


def fitting_verbosity(request: Request, takes: Takes) -> str | None:
    """How much to say.

    Raises:
        Unexpressible: the model can't be told that, and nobody collects losses.
    """
    if takes.verbosity is not False or request.verbosity is None:
        return request.verbosity
    if request.verbosity != "medium":
        lose_setting("verbosity", request.verbosity, "this model has nothing like it")
    return None

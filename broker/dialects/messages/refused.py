"""What can't be asked of another dialect's provider, in the words of Anthropic's API.

Its clients know those: told ``context_management: Extra inputs are not permitted`` they leave the
field out and go on. Paths have dots for indexes, as there. What we know beyond it (provider, value,
the setting that would allow it) stands behind.
"""

from broker.errors import Unexpressible
from broker.loss import Loss, place_of

_MOST = 20  # that are named
_EXTRA = "Extra inputs are not permitted"


def refused(error: Unexpressible) -> str:
    """The message of a refusal: theirs, then ours."""
    losses = error.losses
    if not losses:
        return error.message
    return f"{'; '.join(map(_sentence, losses[:_MOST]))}. {error.message}"


def path_of(path: str) -> str:
    """A path with dots: ``messages[1].role`` is ``messages.1.role``."""
    return ".".join(map(str, place_of(path)))


def _sentence(loss: Loss) -> str:
    return f"{path_of(loss.path) or 'request'}: {_reason(loss)}"


def _reason(loss: Loss) -> str:
    if not loss.values:
        return _EXTRA
    *others, last = (value.replace('"', "'") for value in loss.values)
    return f"Input should be {', '.join(others)}{' or ' if others else ''}{last}"

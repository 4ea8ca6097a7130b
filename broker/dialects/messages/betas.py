"""The betas that a messages call asks for: a list in the request, a header with its provider.

They are the one thing that a caller chooses and a header holds. What no header can hold is
refused where the call comes in: sent on, it would look like a provider's failure.
"""

import re
from typing import Any

from broker.errors import BadRequest

BETA = "anthropic_beta"
_WORD = re.compile(r"[!-+\--~]{1,256}")  # what can be seen of ASCII, but the comma between two
_LONGEST = 4096  # characters in all; servers take heads of 8 KB


def check_betas(request: dict[str, Any]) -> None:
    """Return if the request's betas, if any, can be a header.

    Raises:
        BadRequest: they can't.
    """
    betas = request.get(BETA)
    if betas is None:
        return
    if not isinstance(betas, list) or not all(isinstance(each, str) for each in betas):
        raise BadRequest(f"{BETA!r} must be a list of texts.", param=BETA)
    if not all(map(_WORD.fullmatch, betas)):
        raise BadRequest(f"{BETA!r} holds what can't be part of a header.", param=BETA)
    if len(header_of(betas)) > _LONGEST:
        raise BadRequest(f"{BETA!r} may have {_LONGEST} characters in all.", param=BETA)


def header_of(betas: list[str]) -> str:
    """The header that says them."""
    return ",".join(betas)

"""What a caller may call a model.

A model's name is kept in every record, is a key of caches and metrics, and may be part of a
provider's address: so it is short, and holds nothing that can't be printed.
"""

from typing import Any

from broker.errors import BadRequest

LONGEST_MODEL = 256  # characters


def check_model(model: Any) -> None:
    """Return if it can be a model's name.

    Raises:
        BadRequest: it is no text, is empty or too long, or has a character that can't be printed
            (a line's end, half a surrogate pair).
    """
    if not isinstance(model, str) or not model:
        raise BadRequest("'model' must be a non-empty string.", param="model")
    if len(model) > LONGEST_MODEL:
        raise BadRequest(f"'model' may have {LONGEST_MODEL} characters.", param="model")
    if not model.isprintable():
        raise BadRequest("'model' has a character that can't be printed.", param="model")

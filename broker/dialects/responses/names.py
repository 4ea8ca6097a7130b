"""The ids of responses: ``resp_`` and the job's key.

So an id needs no table: every process knows a job's id, and an id's job. Nobody gains by
guessing one, for the job is another account's to whoever does not own it. A provider's own
ids are longer, and are told apart by that.
"""

import re

_OURS = re.compile(r"resp_([A-Za-z0-9_-]{20})\Z")


def response_id(key: str) -> str:
    """The id of the response that a job is."""
    return f"resp_{key}"


def key_of(name: str) -> str | None:
    """The key of the job that a response's id names; None if it is no id of ours."""
    found = _OURS.match(name)
    return found[1] if found else None

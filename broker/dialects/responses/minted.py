"""What an id of ours looks like; ``broker.store.response_ids`` makes them, and knows its own.

A provider's own ids are longer, or shorter, and are told apart by that.
"""

import re

MINTED = re.compile(r"resp_([A-Za-z0-9_-]{20})[A-Za-z0-9_-]{20}\Z")  # a job's key, and a tag

# Ids of items are made of their response's: of its answer's by the attempt that told them and
# their place in what it told, of its input's by their place.
_PREFIX = "resp_"
_ITEM = re.compile(r"[a-z]{1,8}_([A-Za-z0-9_-]{40})(?:-\d{1,6}_\d{1,6}|\d{4,6})\Z")
_MADE = re.compile(r"[a-z]{1,8}_.+_\d{1,6}\Z")  # of an answer that was translated


def items_name(response_id: str, attempt: int) -> str:
    """What the ids of the items are made of that an attempt tells of an answer."""
    return f"{response_id.removeprefix(_PREFIX)}-{attempt}"


def response_of(item_id: str) -> str | None:
    """The id of the response that an item is of, as its own id says; None if it says none."""
    found = _ITEM.match(item_id)
    return None if found is None else _PREFIX + found[1]


def is_minted(name: str) -> bool:
    """Whether it has that form."""
    return MINTED.match(name) is not None


def is_made_item(item_id: str) -> bool:
    """Whether an item's id is of an answer that another dialect's provider gave."""
    return _MADE.match(item_id) is not None

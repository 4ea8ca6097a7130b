"""What an id of ours looks like; ``broker.store.response_ids`` makes them, and knows its own.

A provider's own ids are longer, or shorter, and are told apart by that.
"""

import re

MINTED = re.compile(r"resp_([A-Za-z0-9_-]{20})[A-Za-z0-9_-]{20}\Z")  # a job's key, and a tag


def is_minted(name: str) -> bool:
    """Whether it has that form."""
    return MINTED.match(name) is not None

"""What a server says of itself when a connection is made, and whether it can be our store.

A replica answers reads, keeps its connections and publishes what its primary publishes, so nothing
but its role tells it from the store. A connection to one would read old data and miss messages.
So no connection is used whose other end is a replica, or still loads its data: it counts as not
made, and the next attempt goes to where the address points then.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

SECTIONS = ("server", "replication", "persistence")  # of INFO; one a command: some take no more

_RUN_ID = re.compile(rb"^run_id:([0-9a-f]+)", re.MULTILINE)
_REPLICA = re.compile(rb"^role:(?:slave|replica)\b", re.MULTILINE)
_WRITABLE = re.compile(rb"^(?:slave|replica)_read_only:0\b", re.MULTILINE)
_LOADING = re.compile(rb"^loading:1\b", re.MULTILINE)


class Greeting(NamedTuple):
    """``run_id``: each start of a server has its own; "" if it does not say.

    ``refusal``: the error reply that stands for what makes it no store of ours; "" if nothing does.
    """

    run_id: str
    refusal: str


def read(sections: Iterable[bytes]) -> Greeting:
    """What the replies to INFO say; those that were refused are left out."""
    text = b"\n".join(sections)
    found = _RUN_ID.search(text)
    refusal = ""
    if _REPLICA.search(text) and not _WRITABLE.search(text):
        refusal = "READONLY The server is a replica."
    elif _LOADING.search(text):
        refusal = "LOADING The server loads its data."
    return Greeting(found[1].decode() if found else "", refusal)

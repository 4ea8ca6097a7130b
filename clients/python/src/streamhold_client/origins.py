"""What is known of the servers behind a transport: Streamhold gives a call's key back.

A server shows itself by its first good answer: Streamhold's ``x-request-id`` is the
``Idempotency-Key`` it was sent, and nobody else's is. Errors show nothing: they may come from a
proxy in front of it.
"""

import threading
from collections import OrderedDict

_KEPT = 64

Origin = tuple[str, str, int | None]  # scheme, host, port


class Origins:
    """Whether each server met is Streamhold. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Origin, bool] = OrderedDict()

    def __getitem__(self, origin: Origin) -> bool | None:
        """None: it has not shown itself yet."""
        return self._known.get(origin)

    def __setitem__(self, origin: Origin, streamhold: bool) -> None:
        with self._lock:
            self._known[origin] = streamhold
            self._known.move_to_end(origin)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)

"""The client of the jobs themselves: submit, follow, look, wait, cancel. It needs ``httpx2``.

``Client`` blocks, ``AsyncClient`` awaits; they have the same methods.
"""

from streamhold_client.async_client import AsyncClient
from streamhold_client.client import Client
from streamhold_client.errors import (
    Cancelled,
    Conflict,
    Failed,
    Gone,
    NotFound,
    Refused,
    StreamholdError,
    TookTooLong,
    Unreachable,
)
from streamhold_client.events import AttemptBegun, Chunk, End, Event, Whole
from streamhold_client.jobs import Job, Page

__all__ = [
    "AsyncClient",
    "AttemptBegun",
    "Cancelled",
    "Chunk",
    "Client",
    "Conflict",
    "End",
    "Event",
    "Failed",
    "Gone",
    "Job",
    "NotFound",
    "Page",
    "Refused",
    "StreamholdError",
    "TookTooLong",
    "Unreachable",
    "Whole",
]

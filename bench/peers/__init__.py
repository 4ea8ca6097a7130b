"""Peers: what users run today, in front of the same simulator, each opted in by its name."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bench.figures import LITELLM, RESUMABLE_STREAM
from bench.peers.litellm import litellm
from bench.peers.resumable_stream import resumable_stream
from bench.plan import Plan
from bench.streamhold import Streamhold
from bench.subject import Subject

PEERS: dict[str, Callable[[Path, Streamhold, Plan], AbstractContextManager[Subject]]] = {
    LITELLM: litellm,
    RESUMABLE_STREAM: resumable_stream,
}

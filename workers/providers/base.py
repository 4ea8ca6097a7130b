"""What a provider is to the worker: a call goes in, lists of frames come out, or a failure."""

from collections.abc import AsyncGenerator
from typing import Any, Protocol

import msgspec

from broker.frames import Frame
from broker.model import Failure
from broker.settings import Timeouts


class Call(msgspec.Struct, frozen=True):
    """What to ask. ``request`` is the caller's body, decoded, in the job's own dialect."""

    request_id: str
    model: str  # the provider's own name for it
    request: dict[str, Any]
    wants_stream: bool = True  # false: this request can't be streamed, ask for one whole answer
    timeouts: Timeouts = Timeouts()
    key: str = ""  # the job's
    previous: str | None = None  # the provider's own id of the response this one follows
    # Whether the last message is a partial answer to go on from; a text names the flag that
    # its provider wants set in it.
    partial: bool | str = False


class Reply(msgspec.Struct):
    """What is known about the answer so far; filled while it streams, and true at any time."""

    usage: dict[str, Any] | None = None  # once it is measured to the end
    said: dict[str, Any] | None = None  # what is known of it before that
    provider_id: str | None = None
    first_token: float | None = None  # seconds from the call's start to its first frame
    events: int = 0  # frames given
    parting: Frame | None = None  # the provider's own word on its failure, which was not given


class ProviderFailure(Exception):
    """An attempt against a provider failed; ``failure`` says how, and what may help."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.type, failure.code)
        self.failure = failure


class Provider(Protocol):
    """One upstream account."""

    def stream(self, call: Call, reply: Reply) -> AsyncGenerator[list[Frame], None]:
        """Make the call; yield a list of frames for each network read that completed some.

        Returns only once the answer is complete. Cancelling the task that waits for the next
        list closes the upstream connection at once, and so does ``aclose``: iterate within
        ``contextlib.aclosing``, for a generator merely dropped closes at some later time.
        While a list is being dealt with nothing is read, and that time is not held against
        the provider.

        Raises:
            ProviderFailure: anything but a complete answer.
        """
        ...

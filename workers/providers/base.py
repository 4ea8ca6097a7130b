"""What a provider is to the worker: a call goes in, lists of frames come out, or a failure."""

from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol

import msgspec

from broker.dialects.neutral.translation import Put
from broker.frames import Frame
from broker.model import Failure
from broker.offload.tasks import Resolve
from broker.settings import Timeouts


class Held(msgspec.Struct, frozen=True):
    """What is known of a call that was made and lost, and that its provider goes on with."""

    provider_id: str | None = None
    cursor: int | None = None  # the last of its events that is stored; None: tell all of them


class Prepared:
    """The body of a call that was made elsewhere, for its request is large (``broker.offload``).

    ``put`` has what of the request is short, in the provider's dialect. ``done`` is called once its
    bytes are not needed any more.
    """

    def __init__(self, body: bytes | bytearray, put: Put, done: Callable[[], None]) -> None:
        self.put = put
        self._body = body
        self._done: Callable[[], None] | None = done

    def take(self) -> bytes | bytearray:
        """The bytes to post, once."""
        body, self._body = self._body, b""
        return body

    def sent(self) -> None:
        """They were posted, or never will be. Once is enough."""
        self._body = b""
        done, self._done = self._done, None
        if done is not None:
            done()


class Call(msgspec.Struct, frozen=True):
    """What to ask. ``request`` is the caller's body, decoded, in the job's own dialect.

    ``held``: ask for the rest of that call, and make no other.
    """

    request_id: str
    model: str  # the provider's own name for it
    request: dict[str, Any]
    wants_stream: bool = True  # false: this request can't be streamed, ask for one whole answer
    timeouts: Timeouts = Timeouts()
    key: str = ""  # the job's
    account: str = ""  # the job's
    response_id: str = ""  # the id that callers know its response by, in that dialect
    attempt: int = 0  # its number
    held: Held | None = None
    previous: str | None = None  # the provider's own id of the response this one follows
    # Whether the last message is a partial answer to go on from; a text names the flag that
    # its provider wants set in it.
    partial: bool | str = False
    drop: tuple[str, ...] = ()  # hosted tools that a provider of another dialect is asked without
    resolve: Resolve | None = None  # what is to be written out of it first
    prepares: bool = False  # whether its body is made elsewhere
    prepared: Prepared | None = None  # its body, where ``request`` is but an outline


class Reply(msgspec.Struct):
    """What is known about the answer so far; filled while it streams, and true at any time."""

    usage: dict[str, Any] | None = None  # once it is measured to the end
    said: dict[str, Any] | None = None  # what is known of it before that
    provider_id: str | None = None
    first_token: float | None = None  # seconds from the call's start to its first frame
    events: int = 0  # frames given
    cursor: int | None = None  # the provider's number of the last of them, where it can resume
    parting: Frame | None = None  # the provider's own word on its failure, which was not given
    lost: tuple[str, ...] = ()  # paths of what the provider was not told, as the operator allows
    ending: Frame | None = None  # with all items of a response, whose ids are the provider's
    closing: str | None = None  # the last event's JSON, where it says more than that it is that


class ProviderFailure(Exception):
    """An attempt against a provider failed; ``failure`` says how, and what may help."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.type, failure.code)
        self.failure = failure


class Sink(Protocol):
    """Takes what a provider says, in the turn of the loop in which it comes in."""

    def __call__(self, frames: list[Frame]) -> bool:
        """Take them; false if they must be given to a task."""
        ...

    def alike(self, keys: tuple[bytes, ...]) -> bool:
        """Whether ``again`` may be given what differs from the last frame taken in nothing but
        JSON strings under these keys."""
        ...

    def again(self, events: bytes) -> int:
        """Take frames that are like the last one: their bodies, an empty line behind each. How
        many they are; 0, having taken none, if they are not like it, or can't be taken now."""
        ...


class Provider(Protocol):
    """One upstream account.

    ``resumes``: a call goes on there without us, and can be attached to again.
    """

    resumes: bool

    def stream(
        self, call: Call, reply: Reply, sink: Sink | None = None
    ) -> AsyncGenerator[list[Frame], None]:
        """Make the call; yield a list of frames for each network read that completed some.

        ``sink`` may be given a list instead, in the turn of the loop in which it was read:
        then nobody is woken for it. It says false if it did not take the list, which is
        yielded then, and its exceptions are raised here.

        Returns only once the answer is complete. Cancelling the task that waits for the next
        list closes the upstream connection at once, and so does ``aclose``: iterate within
        ``contextlib.aclosing``, for a generator merely dropped closes at some later time.
        While a list is being dealt with nothing is read, and that time is not held against
        the provider.

        Raises:
            ProviderFailure: anything but a complete answer.
        """
        ...

    def knows(self, held: Held) -> bool:
        """Whether that call can be attached to, as far as can be told without asking."""
        ...

    async def stop(self, call: Call) -> None:
        """Have a call ended that would go on without us; nothing, if it can't be found.

        Raises:
            ProviderFailure: the provider could not be told.
        """
        ...

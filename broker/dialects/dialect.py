"""What a dialect is to the rest: one value with all that differs from one to the next.

The API and the workers know a dialect by its name only and look the value up in
``broker.dialects.registry``; a further dialect is a package and one entry there.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol

import msgspec

from broker.dialects import View
from broker.dialects.fold import Fold
from broker.errors import Unexpressible
from broker.frames import Frame
from broker.model import Failure, Job

Mode = Literal["continue", "replay"]
Object = dict[str, Any]


class Diverged(Exception):
    """A replay said something else than what was delivered."""


class Transcript(Protocol):
    """The delivered part of an answer, fed with the frames of its stream as they are read back.

    It keeps texts and lengths, not frames; fed in steps it is the same as fed at once.

    ``before`` counts the characters delivered by attempts before the last; ``usage`` is what
    the last one's provider said it cost in all, unless that is a sum over attempts already,
    and ``said`` what it had said of its cost before its end.
    """

    before: int
    usage: Object | None
    said: Object | None

    def take(self, frames: Iterable[Frame]) -> None:
        """Take the stream's next frames."""
        ...

    @property
    def silent(self) -> bool:
        """Whether nothing was said yet: another attempt may begin the answer."""
        ...

    def complete(self, choices: int) -> bool:
        """Whether nothing is missing of an answer of so many choices."""
        ...

    @property
    def prefillable(self) -> bool:
        """Whether a model can go on from it, given what was delivered."""
        ...

    @property
    def length(self) -> int:
        """Characters delivered."""
        ...


class Begin(Protocol):
    """Makes a transcript of a stream's first frames, or of one that says nothing yet."""

    def __call__(self, frames: Iterable[Frame] = ()) -> Transcript: ...


class Joint(Protocol):
    """Turns a later attempt's frames into those that readers of a begun stream get."""

    def join(self, frame: Frame) -> list[Frame]:
        """What is to be written for a frame, a whole answer's too; none if nothing is left.

        Raises:
            Diverged: a replay differs from what was delivered.
        """
        ...

    def end(self) -> None:
        """The attempt has said all it had to say.

        Raises:
            Diverged: a replay was shorter than what was delivered.
        """
        ...


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One wire format. Requests and answers are JSON objects of its own shape.

    Errors: ``error`` gives one of ours its shape (status, message, code, param), ``failure``
    a job's; ``refused`` the message for what a provider can't be asked. A ``transcript`` is only
    ever given back to the dialect that made it.
    """

    name: str
    path: str  # where it is spoken
    owns: tuple[str, ...]  # beginnings of the paths whose errors have its shape
    # Headers of a call that are part of the request, and the field in which each is kept.
    headers: dict[str, str] = {}
    request_id_header: bytes | None = None  # in which its clients look for the request id too
    check: Callable[[Object], None]  # raises BadRequest
    choices: Callable[[Object], int]  # how many a request asks for
    view: Callable[[Object], View]  # of a streaming caller with this request
    folding: Callable[[], Fold]  # of a stream's frames, none of them fed yet
    transcript: Begin
    joint: Callable[[Any, Mode, Object | None], Joint]  # transcript, mode, usage so far
    # The same for the same answer, told again whole (transcript, usage so far), where that is not
    # as a replay is joined.
    rest: Callable[[Any, Object | None], Joint] | None = None
    # The request that goes on from a transcript, the partial answer its last message.
    continued: Callable[[Object, Any], Object]
    pieces: Callable[[Any], list[str]]  # of a transcript: the texts that it goes on from
    begins_call: Callable[[Frame], bool]  # whether a tool call begins in a frame
    # Whether a frame just before such a one may belong to it: a seal, the end of something.
    leads_to_call: Callable[[Frame], bool]
    # Whether a frame's body says no more than that the answer begins: see ``opening``.
    opens: Callable[[bytes], bool] = lambda _body: False
    prompt: Callable[[Object], int]  # about how many tokens a request's prompt is
    # The same (None: the request is gone), characters delivered, frames received, what was said
    # of the cost → usage.
    estimate: Callable[[int | None, int, int, Object | None], Object]
    error: Callable[[int, str, str, str | None], Object]
    failure: Callable[[Failure], Object]
    refused: Callable[[Unexpressible], str] = lambda error: error.message
    # Whether a request may be asked for after its job's end, and is kept until then.
    keeps: Callable[[Object], bool] = lambda _request: False
    # The id, one of ours, of the response that a request goes on from.
    follows: Callable[[Object], str | None] = lambda _request: None
    # The last number of an ended job's stream of which the dialect's view shows anything.
    last_shown: Callable[[Job], int] = lambda job: job.last
    # What the terminal of a failed job tells the view beside its error, of when it was made (ms).
    parting: Callable[[int], str | None] = lambda _created_ms: None
    numbers: bool = False  # whether an event is to say its own number

    def fold(self, frames: Iterable[Frame]) -> Object:
        """The whole answer of a stream of which all frames are at hand."""
        fold = self.folding()
        fold.feed(frames)
        return fold.answer()

"""The tasks of the child, and what each comes to, as they go over the channel."""

from typing import Any

import msgspec

from broker.dialects.neutral.cut import Cut
from broker.dialects.neutral.given import Given
from broker.loss import Loss
from broker.model import Options, Outline
from broker.settings import Provider
from broker.store.new_job import Upload


class Examine(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The payload is a call's body: check it, and upload it unless ``upload`` is false.

    ``dialect`` None: it is the body of ``POST /v1/jobs``, which has the request in it. ``headers``
    are fields that headers add to the request. ``request_id`` is what the call is known by unless
    the body names another, ``options`` what headers ask for unless the body does.
    """

    account: str
    request_id: str
    dialect: str | None
    headers: dict[str, Any] = {}
    options: Options = Options()
    upload: bool = True


class Examined(msgspec.Struct, frozen=True):
    """A call that may be made. ``options`` are the body's own, if it has some; ``lost`` is what
    ``expressible`` gives; ``meaning`` is what its model's name stands for, if another.
    """

    request_id: str
    dialect: str
    digest: str
    keep: bool
    outline: Outline
    upload: Upload | None = None
    metadata: dict[str, Any] | None = None
    options: Options | None = None
    lost: tuple[str, ...] = ()
    meaning: str | None = None


class Items(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A page of the input of a stored request: see ``responses.resource.input_page``."""

    key: str
    name: str
    newest_first: bool
    limit: int
    after: str | None = None


class Count(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The payload is the body of a count_tokens call; ``headers`` as in ``Examine``."""

    headers: dict[str, Any] = {}


class Counted(msgspec.Struct, frozen=True):
    """Its model, its betas and an estimate of its tokens; the payload is the rest of the body."""

    model: str
    betas: list[str] = []
    about: int = 0


class Resolve(msgspec.Struct, frozen=True, kw_only=True):
    """What a request names of earlier responses is to be written out.

    ``provider`` is the name of the one that is called, ``native`` whether it speaks the dialect,
    ``foreign`` whether it may be asked for what is not known here. ``follows``: the response
    before is to be written out; else the provider knows it.
    """

    account: str
    provider: str
    native: bool
    foreign: bool
    follows: bool


class Open(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The payload is an event of a WebSocket's client: see ``responses.socket_event.parts_of``.

    What comes back is what is short of it; the payload: the size of its input (8 bytes), the
    input, and the rest.
    """


class Pass(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The payload is the body of a call that is passed on: see ``dialects.passed``."""

    dialect: str


class Passed(msgspec.Struct, frozen=True):
    """What ``passed_call`` finds; the payload that comes back is the rest."""

    model: str
    names: str | None = None


class Prepare(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Make the body to post for the stored request of a job.

    ``resolve`` says what is written out first; ``partial`` is the part of an answer to go on from,
    ``flag`` as in ``workers...Call.partial``; ``previous`` the provider's id of the response
    before, ``name`` its own in the settings; ``drop`` are the hosted tools that the route leaves
    out. Its payload comes back.
    """

    key: str
    dialect: str
    model: str
    provider: Provider
    streams: bool
    flag: bool | str = False
    previous: str | None = None
    drop: tuple[str, ...] = ()
    resolve: Resolve | None = None
    partial: "Partial | None" = None
    name: str = ""


class Partial(msgspec.Struct, frozen=True):
    """What of an answer was delivered, as a dialect's ``continued`` asks a transcript for it."""

    pieces: list[str]
    length: int

    def texts(self) -> list[str]:
        """Its texts, one a block."""
        return self.pieces

    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


class Prepared(msgspec.Struct, frozen=True):
    """What of the request is short, in the provider's dialect; the rest as in ``Put``."""

    asked: dict[str, Any]
    space: str = ""
    cut: Cut = Cut()
    lost: tuple[str, ...] = ()
    given: dict[str, Given] = {}
    names: dict[str, str] = {}


Task = Examine | Items | Count | Open | Pass | Prepare


class Failed(msgspec.Struct, frozen=True):
    """The task raised this error of ``broker.errors``."""

    error: str
    detail: str
    param: str | None = None
    losses: tuple[Loss, ...] = ()  # of Unexpressible

"""Every value of a full request replaced by an odd one, through all that is done with a request.

At the door each is either refused as the caller's or taken. What was taken can be put to a
provider of any dialect, or is refused as what that one can't be asked: nothing else is raised.
"""

from contextlib import suppress
from typing import Any, Literal

import msgspec
import pytest

from broker.api.locations import in_its_dialect
from broker.dialects.body import decode_object
from broker.dialects.kept import refusal_of
from broker.dialects.neutral.expressible import expressible
from broker.dialects.neutral.translation import writer
from broker.dialects.registry import DIALECTS
from broker.dialects.responses.resource import input_items, resource
from broker.errors import BadRequest, UnknownModel
from broker.model import Job, JobState, request_digest
from broker.routing import Target, policy_for
from broker.settings import Provider, Route, Settings
from tests.odd_values import FULL, ODD, Path, paths, spoiled
from workers.providers import Providers
from workers.providers.base import Call, ProviderFailure
from workers.providers.translated import TranslatedProvider
from workers.providers.upstream import Upstream

SPOKEN: tuple[Literal["chat", "messages", "responses", "gemini"], ...] = (
    "chat",
    "messages",
    "responses",
    "gemini",
)
SETTINGS = Settings(
    providers={
        **{each: Provider(base_url="http://127.0.0.1:9", dialect=each) for each in SPOKEN},
        "sim": Provider(base_url="http://127.0.0.1:9"),
        "sim-messages": Provider(base_url="http://127.0.0.1:9", dialect="messages"),
        "sim-responses": Provider(base_url="http://127.0.0.1:9", dialect="responses"),
    },
    routes={"m": Route(targets=("gemini/g",))},
)
UNASKED = ("unexpressible", "unsendable")


def taken(dialect: str, body: bytes) -> dict[str, Any] | None:
    """The request, if the door takes it."""
    known = DIALECTS[dialect]
    try:
        request = decode_object(body)
        known.check(request)
        policy_for(SETTINGS, request["model"])
    except (BadRequest, UnknownModel):
        return None
    request_digest(dialect, request)
    in_its_dialect("r", request)
    known.view(request)
    known.choices(request)
    known.keeps(request)
    known.follows(request)
    refusal_of(dialect, request)
    known.estimate(known.prompt(request), 10, 3, None)
    return request


def asked(providers: Providers, provider: str, dialect: str, request: dict[str, Any]) -> None:
    """Ask all but send."""
    call = Call(request_id="r", model="m", request=request, key="k")
    found: Any = providers.get(provider, dialect)
    try:
        if isinstance(found, TranslatedProvider):
            call = msgspec.structs.replace(call, request=found._put(call).request)
            writer(dialect, request, 1)
            found = found._provider
        assert isinstance(found, Upstream)
        found._decoder(call, None)  # type: ignore[arg-type]
        with suppress(StopIteration):  # a loop for each would take longer than all the rest
            found._ask(Sent(), call, streams=True).send(None)  # type: ignore[arg-type]
    except ProviderFailure as error:
        failure = error.failure
    else:
        return
    assert failure.code in UNASKED
    assert failure.status == 400


class Sent:
    """In place of an exchange."""

    async def post(self, url: str, headers: Any, body: bytes) -> None:
        assert url.startswith("http://127.0.0.1:9/")
        assert not any(end in text for text in headers.values() for end in "\r\n\0")
        assert len(headers.get("anthropic-beta", "")) <= 4096


@pytest.mark.parametrize("dialect", FULL)
def test_a_full_request_is_taken_and_can_be_asked(dialect: str) -> None:
    request = taken(dialect, spoiled(FULL[dialect], ("model",), b'"m"'))
    assert request is not None
    expressible(SETTINGS, dialect, request, [Target(dialect, "m")])


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("dialect", FULL)
def test_an_odd_value_anywhere(dialect: str, odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.providers.new_session", lambda: None)
    monkeypatch.setattr("workers.providers.upstream.Posts", lambda _session: None)
    providers = Providers(SETTINGS)
    for path in (*paths(FULL[dialect]), ("surprise",)):
        request = taken(dialect, spoiled(FULL[dialect], path, ODD[odd]))
        if request is not None:
            for provider in SPOKEN:
                asked(providers, provider, dialect, request)
            if dialect == "responses":
                _shown(request)


def _shown(request: dict[str, Any]) -> None:
    job = Job("k", "a", "r", "responses", "m", JobState.QUEUED, 0)
    DIALECTS["responses"].fold(())
    resource("resp_x", job, request, {})
    input_items("resp_x", request)


DEEP: tuple[tuple[str, Path], ...] = (("chat", ("metadata",)), ("responses", ("metadata",)))


@pytest.mark.parametrize("levels", range(150, 260, 7))
@pytest.mark.parametrize(("dialect", "path"), DEEP)
def test_depth_is_bounded_where_everybody_can_follow(dialect: str, path: Path, levels: int) -> None:
    """What the door takes can be encoded far down the stack too."""
    odd = b'{"a":' * levels + b"1" + b"}" * levels
    request = taken(dialect, spoiled(FULL[dialect], path, odd))
    assert (request is None) == (levels + 1 > 200)
    if request is not None:
        _far_down(300, dialect, request)


def _far_down(frames: int, dialect: str, request: dict[str, Any]) -> None:
    if frames:
        _far_down(frames - 1, dialect, request)
    else:
        request_digest(dialect, request)

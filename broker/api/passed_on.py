"""Calls that are passed on to a provider as they are: no job is made of them.

    /v1/embeddings, /v1/completions            to chat and responses providers
    /v1/responses/input_tokens and …/compact   to responses providers

Their model is found as any call's is; the targets that speak the dialect are asked in turn until
one answers. What it says goes to the caller as it comes, an event stream too. How many an account
may have under way, and for how long, is in ``passing``. A caller that leaves closes the call.
"""

import io
import time
from typing import NamedTuple

import aiohttp
import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from broker.api.attach import while_connected
from broker.api.body import read_body
from broker.api.core import Core, account_of, body_limits_of, core_of
from broker.api.passing import GARBLED, LATE, UNREACHABLE, blamed
from broker.api.problems import failure_response
from broker.catalog import meaning
from broker.dialects.kept import naming_refused
from broker.dialects.passed import passed_call
from broker.errors import OtherDialect, PreviousNotFound
from broker.model import Failure
from broker.offload.tasks import Pass, Passed
from broker.refusal import ERROR_BODY, refused
from broker.routing import Target, policy_for
from broker.settings import Provider, Secret

_HAS_NOT = (404, 405, 501)  # what a provider says that has no such thing; the next one may
_KINDS = ("application/json", "text/event-stream")


class _Asked(NamedTuple):
    """``rest`` is the body without its model, an object that is not empty."""

    model: str
    rest: bytes | bytearray
    names: str | None  # what of it names something that a provider keeps


class PassedOn:
    """The endpoint, an ASGI application. ``below`` is what a provider's base URL gets."""

    def __init__(self, below: str, dialects: tuple[str, ...]) -> None:
        self._below = below
        self._dialects = dialects

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        core = core_of(request)
        core.admit()
        asked = await self._asked(core, request)
        targets = self._targets(core, asked)
        answering = _Answering(send)
        failure: Failure | None = LATE
        try:
            async with core.passing.call(account_of(request)):
                asking = self._ask_in_turn(core, targets, asked, answering)
                failure = await while_connected(request, asking)
        except TimeoutError:
            pass
        except ClientDisconnect:
            if not answering.begun:
                raise
            return
        if failure is not None and not answering.begun:
            response = failure_response(scope["path"], failure, final=False)
            await response(scope, receive, send)

    async def _asked(self, core: Core, request: Request) -> _Asked:
        received = await read_body(request, body_limits_of(request))
        dialect = self._dialects[-1]
        if received.reserved is None:
            return _Asked(*passed_call(dialect, received.data))
        try:
            task, account = Pass(dialect=dialect), account_of(request)
            found, rest = await core.offload.run(task, Passed, received.data, account=account)
            return _Asked(found.model, rest, found.names)
        finally:
            received.reserved.release()

    def _targets(self, core: Core, asked: _Asked) -> list[Target]:
        """The model's targets that can be asked.

        Raises:
            UnknownModel: no such model. OtherDialect: none of them speaks the dialect.
            ForeignId, PreviousNotFound: it names what they may not be asked for.
        """
        settings = core.settings
        routed = meaning(settings, asked.model, self._dialects[-1], core.model_lists.catalog)
        targets = policy_for(settings, routed).targets
        spoken = [at for at in targets if _speaks(settings.providers[at.provider], self._dialects)]
        if not spoken:
            theirs = sorted({settings.providers[at.provider].dialect for at in targets})
            wanted, has = " or ".join(self._dialects), ", ".join(theirs)
            raise OtherDialect(
                f"It is passed on to providers that speak {wanted}; those of {asked.model!r} "
                f"speak {has}.",
                param="model",
            )
        may = [at for at in spoken if not asked.names or settings.takes_foreign_ids(at.provider)]
        if not may and asked.names:
            if asked.names == "previous_response_id":
                raise PreviousNotFound("Send its items in its place.", param=asked.names)
            raise naming_refused(asked.names)
        return may

    async def _ask_in_turn(
        self, core: Core, targets: list[Target], asked: _Asked, answering: "_Answering"
    ) -> Failure | None:
        """Pass on the first answer; else why the last target that was asked gave none."""
        found: Failure | None = UNREACHABLE
        for target in targets:
            found = await self._ask(core, target, asked, answering)
            if found is None or answering.begun:
                return None
            if found.remedy == "final" and found.provider_status not in _HAS_NOT:
                return found
        return found

    async def _ask(
        self, core: Core, target: Target, asked: _Asked, answering: "_Answering"
    ) -> Failure | None:
        provider = core.settings.providers[target.provider]
        timeouts = core.settings.timeouts_for(asked.model, *target)
        body = b'{"model":%b,' % msgspec.json.encode(target.model) + bytes(asked.rest[1:])
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=timeouts.connect, sock_read=timeouts.first_token
        )
        try:
            async with core.http.post(
                provider.base_url.rstrip("/") + self._below,
                data=io.BytesIO(body),  # aiohttp sends from a file in pieces; bytes at once
                headers=_headers(provider, core.settings.api_keys.get(target.provider)),
                allow_redirects=False,  # a key goes to no other host
                timeout=timeout,
            ) as response:
                if response.status != 200:
                    text = await response.content.read(ERROR_BODY)
                    wait = response.headers.get("retry-after")
                    failure = refused(response.status, text, wait, time.time())
                    return blamed(failure, core.settings, asked.model, target)
                if response.content_type not in _KINDS:
                    return GARBLED
                await answering.tell(response)
                return None
        except (aiohttp.ClientError, OSError, ValueError):  # a timeout is an OSError
            return UNREACHABLE


class _Answering:
    """The way back. An answer that breaks off has no end: its caller must not take it for whole."""

    def __init__(self, send: Send) -> None:
        self.begun = False
        self._send = send

    async def tell(self, answer: aiohttp.ClientResponse) -> None:
        """Pass an answer on."""
        kind = answer.headers.get("content-type", "application/json").encode("latin-1", "replace")
        piece = await answer.content.readany()
        self.begun = True
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]}
        await self._send(start)
        while piece:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            piece = await answer.content.readany()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _speaks(provider: Provider, dialects: tuple[str, ...]) -> bool:
    return provider.dialect in dialects and provider.library is None


def _headers(provider: Provider, key: Secret | None) -> dict[str, str]:
    """What a provider of OpenAI's kind is sent; the operator has the last word."""
    headers = {"content-type": "application/json", "accept-encoding": "identity"}
    headers["user-agent"] = "streamhold"
    if key is not None:
        text, name = key.reveal().strip(), provider.key_header
        headers[name] = f"Bearer {text}" if name.lower() == "authorization" else text
    return {**headers, **provider.headers}

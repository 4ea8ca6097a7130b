"""``POST /v1/messages/count_tokens``: passed through to the provider; no job is made of it.

How many an account may have under way at once, and for how long, is in ``passing``.

The model's targets that speak this dialect are asked in turn until one answers; one that refuses
the call as the caller's fault ends the search. Where none of them answers and there is a target of
another dialect, whose provider may get the call, the answer is an estimate, and a header says so.
"""

import io
import time
from collections.abc import Sequence
from typing import NamedTuple

import aiohttp
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from broker.api.attach import while_connected
from broker.api.body import read_body
from broker.api.core import Core, account_of, body_limits_of, core_of
from broker.api.inference import with_headers
from broker.api.passing import GARBLED, LATE, UNREACHABLE, blamed
from broker.api.problems import failure_response
from broker.catalog import meaning
from broker.dialects.body import decode_object
from broker.dialects.messages.betas import header_of
from broker.dialects.messages.counting import count
from broker.dialects.messages.dialect import MESSAGES
from broker.dialects.messages.request import VERSION, check_count
from broker.model import Failure
from broker.offload.tasks import Count, Counted
from broker.refusal import ERROR_BODY, refused
from broker.retry_after import wait_asked_for
from broker.routing import Target, policy_for

_MOST = 1024 * 1024  # bytes of an answer that is one number
ESTIMATED = "x-streamhold-estimated"  # a header of the answer: nobody counted


class _Asked(NamedTuple):
    """What to count; ``rest`` is the body without its model and betas, an object.

    ``about`` is how many tokens it is estimated at.
    """

    model: str
    betas: list[str]
    rest: bytes | bytearray
    about: int


async def count_tokens(request: Request) -> Response:
    """The endpoint."""
    core = core_of(request)
    core.admit()
    asked = await _asked(core, request)
    routed = meaning(core.settings, asked.model, MESSAGES.name, core.model_lists.catalog)
    asked = asked._replace(model=routed)
    targets = policy_for(core.settings, routed).targets
    speaking = [each for each in targets if _speaks(core, each)]
    if not speaking:
        return _estimated(asked)
    try:
        async with core.passing.call(account_of(request)):
            found = await while_connected(request, _ask_in_turn(core, speaking, asked))
    except TimeoutError:
        found = LATE
    if isinstance(found, bytes):
        return Response(found, 200, media_type="application/json")
    if found.remedy != "final" and len(speaking) < len(targets):
        return _estimated(asked)
    return failure_response(request.url.path, found, final=False)


def _speaks(core: Core, target: Target) -> bool:
    return core.settings.providers[target.provider].dialect == MESSAGES.name


def _estimated(asked: _Asked) -> Response:
    body = msgspec.json.encode({"input_tokens": asked.about})
    return Response(body, 200, {ESTIMATED: "true"}, "application/json")


async def _ask_in_turn(core: Core, targets: Sequence[Target], asked: _Asked) -> bytes | Failure:
    """The first answer; else why the last target that was asked gave none."""
    found: bytes | Failure = UNREACHABLE
    for target in targets:
        found = await _ask(core, target, asked)
        if isinstance(found, bytes) or found.remedy == "final":
            break
    return found


async def _asked(core: Core, request: Request) -> _Asked:
    received = await read_body(request, body_limits_of(request))
    if received.reserved is None:
        call = decode_object(received.data)
        call |= with_headers(MESSAGES, request.headers, call)
        model, betas = check_count(call)
        return _Asked(model, betas, msgspec.json.encode(call), count(call))
    try:
        task = Count(headers=with_headers(MESSAGES, request.headers, {}))
        account = account_of(request)
        found, rest = await core.offload.run(task, Counted, received.data, account=account)
        return _Asked(found.model, found.betas, rest, found.about)
    finally:
        received.reserved.release()


async def _ask(core: Core, target: Target, asked: _Asked) -> bytes | Failure:
    """The provider's answer, or why there is none."""
    provider = core.settings.providers[target.provider]
    timeouts = core.settings.timeouts_for(asked.model, *target)
    headers = {"content-type": "application/json", "anthropic-version": VERSION}
    if key := core.settings.api_keys.get(target.provider):
        headers["x-api-key"] = key.reveal().strip()
    if asked.betas:
        headers["anthropic-beta"] = header_of(asked.betas)
    body = b'{"model":%b,' % msgspec.json.encode(target.model) + bytes(asked.rest[1:])
    try:
        async with core.http.post(
            provider.base_url.rstrip("/") + "/messages/count_tokens",
            data=io.BytesIO(body),  # aiohttp sends from a file in pieces; bytes at once
            headers={**headers, **provider.headers},
            allow_redirects=False,  # a key goes to no other host
            timeout=aiohttp.ClientTimeout(timeouts.first_token, sock_connect=timeouts.connect),
        ) as response:
            if response.status != 200:
                text = await _beginning(response, ERROR_BODY)
                wait = wait_asked_for(response.headers)
                failure = refused(response.status, text, wait, time.time())
                return blamed(failure, core.settings, asked.model, target)
            return _answer(await _beginning(response, _MOST))
    except (aiohttp.ClientError, OSError, ValueError):  # a timeout is an OSError
        return UNREACHABLE


async def _beginning(response: aiohttp.ClientResponse, most: int) -> bytes:
    body = b""
    while len(body) < most and (piece := await response.content.read(most - len(body))):
        body += piece
    return body


def _answer(body: bytes) -> bytes | Failure:
    try:
        answer = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return GARBLED
    return body if isinstance(answer, dict) and "input_tokens" in answer else GARBLED

"""The form of a provider's answer, whatever its label: real sockets, and bytes in any pieces."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import aiohttp
import pytest

from broker.answer_form import form_of
from broker.frames import Frame
from broker.settings import Provider as ProviderSettings
from broker.settings import Timeouts
from tests.contract.stage import ANSWERS, WHOLE
from tests.contract.upstream import PATIENT, Asker, Upstream, answer, says
from workers.providers import _DIALECTS
from workers.providers.base import Call, ProviderFailure, Reply

LABELS = ["application/json", "text/plain", "application/octet-stream", "a/b", ";", None]
LEADS = [b"", b"\xef\xbb\xbf", b"\n\r\n", b": hello\n\n", b":\n", b"id: 7\n", b"retry: 1\n\n"]


def labelled(kind: str | None) -> bytes:
    line = "" if kind is None else f"content-type: {kind}\r\n"
    return f"HTTP/1.1 200 OK\r\n{line}connection: close\r\n\r\n".encode()


async def asked(
    upstream: Upstream, session: aiohttp.ClientSession, dialect: Any, timeouts: Timeouts = PATIENT
) -> list[Frame]:
    settings = ProviderSettings(base_url=upstream.url, dialect=dialect)
    provider = _DIALECTS[dialect]("p", settings, None, session)
    call, frames = Call("r1", "m", {}, timeouts=timeouts, response_id="resp_ours"), []
    async with aclosing(provider.stream(call, Reply())) as lists:
        async for some in lists:
            frames += some
    return frames


@pytest.mark.parametrize("dialect", ANSWERS)
async def test_events_are_the_same_under_any_label(
    upstream: Upstream, session: aiohttp.ClientSession, dialect: str
) -> None:
    body = b"".join(ANSWERS[dialect])
    upstream.script = says(labelled("text/event-stream") + body, then="close")
    right = await asked(upstream, session, dialect)
    assert len(right) > 1
    for label in LABELS:
        for lead in LEADS:
            told = lead + body
            for size in (1, 2, 5, len(told)):
                start = [told[place : place + size] for place in range(0, min(12, len(told)), size)]
                rest = told[len(b"".join(start)) :]
                upstream.script = says(labelled(label), *start, rest, then="close")
                assert await asked(upstream, session, dialect) == right, (label, lead, size)


@pytest.mark.parametrize("label", [*LABELS, "text/event-stream"])
@pytest.mark.parametrize("dialect", WHOLE)
async def test_an_object_is_the_same_under_any_label(
    upstream: Upstream, session: aiohttp.ClientSession, dialect: str, label: str | None
) -> None:
    body = json.dumps(WHOLE[dialect]).encode()
    upstream.script = says(answer("200 OK", body))
    right = await asked(upstream, session, dialect)
    for told in (body, b" \n" + body, body + b"\n", b"\xef\xbb\xbf" + body):
        upstream.script = says(labelled(label) + told, then="close")
        assert await asked(upstream, session, dialect) == right


@pytest.mark.parametrize(
    "body", [b"<html></html>", b"  <!doctype html>", b"", b"da", b"OK", b'"a"']
)
@pytest.mark.parametrize("label", ["text/html", "application/xhtml+xml", "text/plain", None])
async def test_what_is_neither_is_a_failure(
    upstream: Upstream, asker: Asker, body: bytes, label: str | None
) -> None:
    upstream.script = says(labelled(label) + body, then="close")
    failure = await asker.fail()
    assert (failure.type, failure.code) == ("provider_garbled", "content_type")


@pytest.mark.parametrize("dialect", ANSWERS)
async def test_a_page_of_events_is_a_page(
    upstream: Upstream, session: aiohttp.ClientSession, dialect: str
) -> None:
    upstream.script = says(labelled("text/html") + b"".join(ANSWERS[dialect]), then="close")
    with pytest.raises(ProviderFailure) as caught:
        await asked(upstream, session, dialect)
    assert caught.value.failure.code == "content_type"


@pytest.mark.parametrize("label", ["application/json", None])
@pytest.mark.parametrize("blank", [b" ", b"\n", b"\r\n"])
async def test_white_space_in_front_is_a_sign_of_life(
    upstream: Upstream, session: aiohttp.ClientSession, label: str | None, blank: bytes
) -> None:
    body = json.dumps(WHOLE["chat"]).encode()

    async def waiting(writer: asyncio.StreamWriter) -> None:
        writer.write(labelled(label))
        for _ in range(12):
            writer.write(blank)
            await asyncio.sleep(0.05)
        writer.write(body)
        writer.close()

    upstream.script = waiting
    timeouts = Timeouts(first_token=0.3, idle=0.3, total=5)
    assert len(await asked(upstream, session, "chat", timeouts)) == 1


@pytest.mark.parametrize("label", ["application/json", None])
async def test_silence_is_none(upstream: Upstream, asker: Asker, label: str | None) -> None:
    upstream.script = says(labelled(label), b" ", then="hang")
    failure = await asker.fail(Timeouts(first_token=0.1, total=5))
    assert (failure.type, failure.code) == ("provider_timeout", "first_token")


@pytest.mark.parametrize(
    ("begun", "form"),
    [
        (b"", "unknown"),
        (b"\xef", "unknown"),
        (b"\xef\xbb\xbf ", "unknown"),
        (b"ret", "unknown"),
        (b"retry:", "events"),
        (b"\n\n:", "events"),
        (b"data", "unknown"),
        (b"data:", "events"),
        (b"date", "neither"),
        (b" {", "object"),
        (b"[", "object"),
        (b"\xef\xbb{", "neither"),
        (b"<", "neither"),
        (b"null", "neither"),
    ],
)
def test_a_form(begun: bytes, form: str) -> None:
    assert form_of(begun) == form


# ── Kept connections ───────────────────────────────────────────────────────────────────


GOOD = answer("200 OK", json.dumps(WHOLE["chat"]).encode())
LARGE = {"messages": [], "x": "a" * 200_000}


def kept(upstream: Upstream, sent: bytes = b"", how: str = "close") -> None:
    """One answer, and then the end of its connection, again and again."""
    turn = 0

    async def script(writer: asyncio.StreamWriter) -> None:
        nonlocal turn
        turn += 1
        await says(*([GOOD] if turn % 2 else [sent]), then="keep" if turn % 2 else how)(writer)

    upstream.script = script


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("request_", [None, LARGE])
async def test_a_kept_connection_that_ends_without_a_byte(
    upstream: Upstream, asker: Asker, request_: dict[str, object] | None, how: str
) -> None:
    kept(upstream, how=how)
    for _ in range(2):
        await asker.ask(request=request_)
        failure = await asker.fail(request=request_)
        assert (failure.type, failure.code) == ("provider_cut", "kept_connection")
        assert (failure.remedy, failure.retryable) == ("retry", True)
    assert upstream.connections == 2


@pytest.mark.parametrize("sent", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_after_a_byte_it_is_a_cut(upstream: Upstream, asker: Asker, sent: bytes) -> None:
    kept(upstream, sent)
    await asker.ask()
    failure = await asker.fail()
    assert failure.code != "kept_connection"


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_new_connection_that_ends_is_a_cut(
    upstream: Upstream, asker: Asker, how: str
) -> None:
    upstream.script = says(then=how)
    for _ in range(2):
        failure = await asker.fail()
        assert (failure.type, failure.code) == ("provider_cut", None)


async def test_silence_on_a_kept_connection_is_a_timeout(upstream: Upstream, asker: Asker) -> None:
    kept(upstream, how="hang")
    await asker.ask()
    failure = await asker.fail(Timeouts(first_token=0.1))
    assert (failure.type, failure.code) == ("provider_timeout", "first_token")


@pytest.mark.parametrize("request_", [{}, LARGE])
async def test_a_call_may_ask_for_a_new_connection(
    upstream: Upstream, asker: Asker, request_: dict[str, object]
) -> None:
    upstream.script = says(GOOD)
    for anew, connections in ((False, 1), (False, 1), (True, 2), (False, 2), (True, 3)):
        call = Call("r1", "m", request_, timeouts=PATIENT, anew=anew)
        async with aclosing(asker.provider().stream(call, Reply())) as lists:
            assert [frame async for some in lists for frame in some]
        assert upstream.connections == connections

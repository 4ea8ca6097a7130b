"""A scripted provider of every dialect, a deployment that calls it, and the SDKs of both.

A case is one answer as a provider puts it on the wire, streamed and whole; a call gets the case
whose number stands in its prompt. The broker knows each dialect as two providers, of which one
streams (``chat``) and one does not (``chat-whole``).
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import httpx2
import msgspec
from anthropic import AsyncAnthropic
from google import genai
from openai import AsyncOpenAI

from tests.contract.judges import (
    saying_chat,
    saying_gemini,
    saying_messages,
    saying_responses,
)
from tests.contract.judges.answer import Answer, Spoken
from tests.deployment import Deployment
from tests.recorded.provider import Provider

SAYING: dict[Spoken, Any] = {
    "chat": saying_chat,
    "messages": saying_messages,
    "responses": saying_responses,
    "gemini": saying_gemini,
}
Check = tuple[str, Callable[[], Coroutine[Any, Any, None]]]  # its name, and what may not fail
_REWRITTEN = "\nassert "  # where pytest's own words on an assertion begin
_WHOLE = "/whole"  # what the addresses of those begin with that do not stream
AT_ONCE = 12


class Case(msgspec.Struct, frozen=True):
    """``answer`` is what is right; None where the provider does not stream (or only streams).

    ``status`` is a whole HTTP status line's; ``headers`` are whole lines. ``reasons`` are
    the provider's own words for its end, where they aren't the right one: passed on as they are.
    """

    name: str
    spoken: Spoken
    answer: Answer
    stream: bytes | None
    whole: bytes | None
    status: str = "200 OK"
    headers: str = ""
    reasons: tuple[str | None, ...] = ()


class Stage:
    """The provider, and the cases that have been given to it."""

    def __init__(self) -> None:
        self._cases: list[Case] = []
        self._provider = Provider(self._send)
        self.url = self._provider.url

    def close(self) -> None:
        self._provider.close()

    def add(self, case: Case) -> str:
        """The prompt that is answered so."""
        self._cases.append(case)
        return f"What of the tide? case-{len(self._cases) - 1}"

    def config(self) -> str:
        """The providers that the broker has."""
        return "\n".join(
            f'[providers.{spoken}{kind}]\nbase_url = "{self.url}{place}{version(spoken)}"\n'
            f'dialect = "{spoken}"\nstreams = {streams}\n'
            for spoken in SAYING
            for kind, place, streams in (
                ("", "", "true"),
                (_WHOLE.replace("/", "-"), _WHOLE, "false"),
            )
        )

    async def _send(self, number: int, head: bytes, writer: asyncio.StreamWriter) -> None:
        case = self._cases[number]
        kind, body = "text/event-stream", case.stream
        if _WHOLE.encode() in head.split(b"\r\n", 1)[0] or not case.status.startswith("200"):
            kind, body = "application/json", case.whole
        assert body is not None, case.name
        top = f"HTTP/1.1 {case.status}\r\ncontent-type: {kind}\r\nconnection: close\r\n"
        writer.write(f"{top}{case.headers}\r\n".encode() + body)
        await writer.drain()


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def version(spoken: Spoken) -> str:
    return "/v1beta" if spoken == "gemini" else "/v1"


class Sdks:
    """The official SDKs at one address, none of which tries a call again."""

    def __init__(self, url: str) -> None:
        # One for all: it needs no certificates, which take long to read, and Google's SDK would
        # take aiohttp, by a way that aiohttp warns of.
        self._http = httpx2.AsyncClient(verify=False, timeout=60)
        common: dict[str, Any] = {"api_key": "k", "max_retries": 0, "http_client": self._http}
        self.openai = AsyncOpenAI(base_url=f"{url}/v1", **common)
        self.anthropic = AsyncAnthropic(base_url=url, **common)
        options = genai.types.HttpOptions(
            base_url=url, api_version="v1beta", httpx_async_client=self._http
        )
        self.google = genai.Client(api_key="k", http_options=options)

    async def close(self) -> None:
        await self._http.aclose()


class Court:
    """Who is judged: the broker, and the provider itself."""

    def __init__(self, stage: Stage, deployment: Deployment) -> None:
        self.stage = stage
        self.url = deployment.urls[0]
        self.broker = Sdks(self.url)
        self.direct = Sdks(stage.url)
        self.direct_whole = Sdks(stage.url + _WHOLE)

    async def close(self) -> None:
        for sdks in (self.broker, self.direct, self.direct_whole):
            await sdks.close()


async def all_of(checks: Iterable[Check]) -> None:
    """Run named checks, some at once. Each that fails is in the error."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def run(name: str, check: Callable[[], Coroutine[Any, Any, None]]) -> str | None:
        async with gate:
            try:
                await check()
            except AssertionError as error:
                return f"{name}: {str(error).partition(_REWRITTEN)[0]}"
            except Exception as error:  # noqa: BLE001 - an SDK's own defects are findings too
                return f"{name}: {type(error).__name__}: {error}"
        return None

    found = await asyncio.gather(*itertools.starmap(run, checks))
    faults = [each for each in found if each is not None]
    assert found, "nothing was judged"
    assert not faults, f"{len(faults)} of {len(found)}\n\n" + "\n\n".join(faults)

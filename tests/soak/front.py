"""The callers' way in: one HTTP session, the proxied API addresses, the history.

Nobody here trusts an answer to come. A call that PROTOCOL.md says is to be repeated (503, no
answer at all) is repeated with the same key through the next API process until it is answered.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec

from tests.soak.history import Call, History, digest

LOST = (aiohttp.ClientError, ConnectionError, TimeoutError)
_AGAIN = 0.2  # seconds before a call is repeated; every answer of 503 asks for at least 1
_PATIENCE = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=75)


class Answer(msgspec.Struct, frozen=True):
    """A call's last answer."""

    status: int
    body: bytes

    @property
    def job(self) -> dict[str, Any]:
        """The job that the body shows; empty if it shows none."""
        try:
            value = msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return {}
        return value if isinstance(value, dict) and value.get("object") == "job" else {}


class Front:
    """Where the API processes are reached."""

    def __init__(self, urls: list[str], clock: Callable[[], float], history: History) -> None:
        self.urls = urls
        self.clock = clock
        self.history = history
        self.session = aiohttp.ClientSession(
            timeout=_PATIENCE, connector=aiohttp.TCPConnector(limit=0, force_close=True)
        )

    async def close(self) -> None:
        await self.session.close()

    async def ask(
        self,
        job: str,
        kind: str,
        method: str,
        path: str,
        *,
        api: int,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Call until the answer is one to keep; every try goes into the history."""
        while True:
            api %= len(self.urls)
            begun = self.clock()
            answer = await self._try(method, self.urls[api] + path, body, headers or {})
            shown = answer.job
            whole = kind in ("whole", "result") and answer.status == 200
            self.history.add(
                Call(
                    job=job,
                    kind=kind,
                    api=api,
                    begun=begun,
                    ended=self.clock(),
                    status=answer.status,
                    state=shown.get("state"),
                    cursor=shown.get("cursor"),
                    body=digest(answer.body) if whole else None,
                )
            )
            if answer.status and not _asks_again(answer):
                return answer
            await asyncio.sleep(_AGAIN)
            api += 1

    async def _try(
        self, method: str, url: str, body: Any, headers: dict[str, str]
    ) -> "Answer | _Final":
        try:
            async with self.session.request(method, url, json=body, headers=headers) as response:
                data = await response.read()
                final = response.headers.get("x-should-retry") == "false"
                return (_Final if final else Answer)(response.status, data)
        except LOST:
            return Answer(0, b"")


class _Final(Answer, frozen=True):
    """An answer that says it would be the same again."""


def _asks_again(answer: Answer) -> bool:
    return answer.status == 503 and not isinstance(answer, _Final)

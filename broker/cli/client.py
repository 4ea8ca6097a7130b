"""A small client of the API, for the commands that talk to a running deployment.

What it follows survives cuts: it comes back with ``Last-Event-ID`` until the stream has
ended, and gives up only after a minute without an event. An API that never answered at all
is given up at once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
import click
import msgspec

from broker.cli.events import Event, EventReader

DEFAULT_API = "http://127.0.0.1:8080"

_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=10, sock_read=90)  # s; pings come sooner
_PATIENCE = 60.0  # seconds without any answer before following is given up
_FIRST_WAIT = 0.2  # seconds before the second try
_LONGEST_WAIT = 5.0
_PASSING = frozenset((429, 502, 503, 504))  # statuses that may be others the next time

F = TypeVar("F", bound=Callable[..., Any])


class ApiError(click.ClickException):
    """The API refused, or can't be reached: one line, and exit status 1."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def api_options(command: F) -> F:
    """``--api URL`` and ``--key KEY``."""
    command = click.option(
        "--key", envvar="STREAMHOLD_API_KEY", show_envvar=True, help="Your API key."
    )(command)
    return click.option(
        "--api",
        envvar="STREAMHOLD_API",
        show_envvar=True,
        default=DEFAULT_API,
        show_default=True,
        metavar="URL",
        help="Where the API listens.",
    )(command)


class Client:
    """The calls that the commands make; an async context manager."""

    def __init__(
        self, api: str, key: str | None, on_cut: Callable[[str], None] = lambda _: None
    ) -> None:
        """``on_cut`` is told, in a sentence, of every wait for an API that went away."""
        self.on_cut = on_cut
        self._met = False  # whether anything ever answered
        self.api = api.rstrip("/").removesuffix("/v1")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._session = aiohttp.ClientSession(headers=headers, timeout=_TIMEOUT)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer.

        Raises:
            ApiError: it is a refusal, or there is none.
        """
        data = None if body is None else msgspec.json.encode(body)
        headers = {} if data is None else {"content-type": "application/json"}
        try:
            async with self._session.request(
                method, self.api + path, data=data, headers=headers
            ) as response:
                self._met = True
                if response.status >= 400:
                    raise await _refusal(response)
                return msgspec.json.decode(await response.read())
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
            raise ApiError(f"{self.api} can't be reached: {_why(error)}") from error

    async def submit(self, body: dict[str, Any]) -> Any:
        """Post a job. Safe to repeat, since the body names its request id; so it is repeated."""
        async for last in _tries():
            try:
                return await self.call("POST", "/v1/jobs", body)
            except ApiError as error:
                if last or (error.status is not None and error.status not in _PASSING):
                    raise
        raise AssertionError("unreachable")

    async def follow(self, request_id: str, after: int = 0) -> AsyncIterator[Event]:
        """The events of a job's stream after ``after``, to its end, over any cut.

        Raises:
            ApiError: the job is not there, or the API has been away for a minute.
        """
        cursor, wait, heard = after, _FIRST_WAIT, _now()
        while True:
            try:
                async for event in self._events(request_id, cursor):
                    heard, wait = _now(), _FIRST_WAIT
                    cursor = cursor if event.id is None else event.id
                    if event.event == "retry":
                        wait = _FIRST_WAIT if event.retry is None else event.retry
                        continue
                    yield event
                    if event.event == "end":
                        return
                reason = "The stream was cut"
            except _NothingLeft:
                return
            except (aiohttp.ClientError, TimeoutError, ApiError) as error:
                self._judge(error, _now() - heard)
                reason = _why(error)
            if wait == _FIRST_WAIT:
                self.on_cut(f"{reason}; going on after {cursor}")
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _judge(self, error: Exception, silence: float) -> None:
        """Raise what ends the following; return where coming back may help."""
        if isinstance(error, ApiError):
            if error.status not in _PASSING or silence > _PATIENCE:
                raise error
        elif not self._met or silence > _PATIENCE:
            raise ApiError(f"{self.api} can't be reached: {_why(error)}") from error

    async def _events(self, request_id: str, cursor: int) -> AsyncIterator[Event]:
        headers = {"accept": "text/event-stream"}
        if cursor:
            headers["last-event-id"] = str(cursor)
        url = f"{self.api}{job_path(request_id)}/events"
        async with self._session.get(url, headers=headers) as response:
            self._met = True
            if response.status == 204:
                raise _NothingLeft
            if response.status != 200:
                raise await _refusal(response)
            reader = EventReader()
            async for chunk in response.content.iter_any():
                for event in reader.feed(chunk):
                    yield event


class _NothingLeft(Exception):
    """The cursor is the stream's end."""


def job_path(request_id: str) -> str:
    return f"/v1/jobs/{quote(request_id, safe='')}"


async def _refusal(response: aiohttp.ClientResponse) -> ApiError:
    """Problem details (RFC 9457), or whatever stands between here and the API said."""
    body = await response.read()
    try:
        problem = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        problem = {}
    error = problem.get("error")
    nested = error.get("message") if isinstance(error, dict) else None
    title, detail = problem.get("title") or "", problem.get("detail") or nested or ""
    said = str(detail) if str(title) in str(detail) else f"{title} {detail}".strip()
    return ApiError(f"{said or response.reason} (HTTP {response.status})", response.status)


async def _tries(count: int = 5) -> AsyncIterator[bool]:
    """Pauses between tries; True marks the last."""
    for number in range(count):
        if number:
            await asyncio.sleep(min(_FIRST_WAIT * 2**number, _LONGEST_WAIT))
        yield number == count - 1


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or "no answer")


def _now() -> float:
    return asyncio.get_running_loop().time()

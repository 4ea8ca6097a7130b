"""The client of jobs, by blocking. ``async_client`` is its twin.

Every request may be made twice without harm (a submitted job has its request id from here), so
every one is made again after a loss, until ``patience`` runs out.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from types import TracebackType
from typing import Any, Self

import httpx2

from streamhold_client import reading
from streamhold_client.calls import new_key
from streamhold_client.endpoint import Endpoint, decoded, is_pending, refused, wait_until, why
from streamhold_client.errors import TookTooLong, Unreachable
from streamhold_client.events import Event, event_of
from streamhold_client.httpx2 import FAULTS
from streamhold_client.jobs import Ask, Job, Page, about, job_of, listing, page_of, submitting
from streamhold_client.outage import PATIENCE

Got = httpx2.Response | reading.Whole[httpx2.Response] | reading.Reading[httpx2.Response]


class Client:
    """Calls a Streamhold server, by blocking. A context manager.

    Args:
        base_url: where the API listens, with or without ``/v1``.
        api_key: your account's key, if the server has accounts.
        patience: seconds without a server that one call bears in all.
        http: an ``httpx2.Client`` of your own; it is left open.

    Every method raises ``Refused`` (``NotFound``, ``Gone``, ``Conflict``) or ``Unreachable``.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8080",
        api_key: str | None = None,
        *,
        patience: float = PATIENCE,
        http: httpx2.Client | None = None,
    ) -> None:
        self._endpoint = Endpoint(base_url, api_key, patience)
        self._own = http is None
        self._http = http or httpx2.Client()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._own:
            self._http.close()

    def submit(
        self,
        request: Mapping[str, Any],
        *,
        request_id: str | None = None,
        dialect: str = "chat",
        metadata: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Job:
        """Make a job, or find the one of this request id; without waiting for it."""
        ask = submitting(request, request_id or new_key(), dialect, metadata, options)
        return job_of(self._ask(ask))

    def events(self, request_id: str, *, after: int = 0) -> Iterator[Event]:
        """Attach: the job's events after a cursor, over any loss, to ``End``."""
        got = self._carry(about(request_id, part="/events"), after)
        if isinstance(got, reading.Reading):
            with closing(got):
                try:
                    for blocks in got:
                        yield from (e for e in map(event_of, blocks) if e is not None)
                except FAULTS.failed as error:
                    raise Unreachable(why(error)) from error
        elif isinstance(got, httpx2.Response):
            raise refused(got, got.read())

    def result(self, request_id: str, *, timeout: float | None = None) -> Any:
        """The whole answer; waits for it, for ``timeout`` seconds at most.

        Raises:
            Failed, Cancelled: the job ended without one. TookTooLong: it has not ended.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            wait = wait_until(end)
            said = self._ask(about(request_id, part="/result", wait=wait))
            if not is_pending(said):
                return said
            if end is not None and time.monotonic() >= end:
                raise TookTooLong(f"{request_id} has not ended after {timeout} s.")

    def get(self, request_id: str) -> Job:
        return job_of(self._ask(about(request_id)))

    def cancel(self, request_id: str) -> Job:
        return job_of(self._ask(about(request_id, "POST", "/cancel")))

    def list(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        state: str | None = None,
        model: str | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Page:
        """The account's jobs, newest first."""
        return page_of(
            self._ask(
                listing(
                    limit=limit, after=after, state=state, model=model, since=since, until=until
                )
            )
        )

    def _ask(self, ask: Ask) -> Any:
        got = self._carry(ask)
        if isinstance(got, reading.Whole):
            return decoded(got.body)
        if isinstance(got, reading.Reading):
            got.close()
            raise Unreachable("a stream where there should be none")
        raise refused(got, got.read())

    def _carry(self, ask: Ask, after: int = 0) -> Got:
        def send(cursor: int) -> httpx2.Response:
            response = self._http.send(self._endpoint.request(ask, cursor), stream=True)
            self._endpoint.met = True
            return response

        try:
            return reading.carry(self._endpoint.call(after), send)
        except FAULTS.failed as error:
            raise Unreachable(why(error)) from error

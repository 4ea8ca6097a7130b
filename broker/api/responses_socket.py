"""``GET /v1/responses`` with an upgrade: OpenAI's Responses over a WebSocket.

A client sends events (``broker.dialects.responses.socket_event``), each response is one call
(``broker.api.lane``). Responses of one lane (``stream_id``; those without one share one) run one
after the other, as they were asked for; lanes run beside each other. What is wrong with an event
is answered with an event. When the client leaves, so do the readers of its responses.

How the connection ends:
    the client's good-bye   nothing is said
    a drain                 1012 once no response runs; those that do are cut off at its end
    ``socket_time``         an error event that says so, once no response runs; then 1000
    a stream was cut off    1012: the client comes again, and goes on where it was
"""

import asyncio
from collections import deque
from typing import NamedTuple

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.api.body import Body, Reading
from broker.api.core import Core, account_of, body_limits_of, core_of
from broker.api.headers import header
from broker.api.lane import Calls, error_event, in_lane
from broker.api.socket_turns import Turns
from broker.api.websocket import DEFECT, NORMAL, POLICY, RESTART, TOO_BIG, WebSocket, accept
from broker.dialects.responses import socket_event as said
from broker.errors import (
    SocketExpired,
    StreamholdError,
    TooLarge,
    TooManyCalls,
    UpgradeRequired,
)
from broker.offload.budget import Reserved
from broker.offload.size import MOST_BYTES
from broker.offload.tasks import Open

_MOST_ASKED = 16  # responses of a connection that are not over, in all its lanes
_MOST_WRONG = 100  # messages in a row that ask for nothing; then it is no client
_LEAVING = 5.0  # seconds for its responses to notice that the client has left, and for its end


class _Wanted(NamedTuple):
    """A request to answer. ``reserved``: what a large one has of the budget of large bodies."""

    parts: said.Parts
    reserved: Reserved | None

    def release(self) -> None:
        if self.reserved is not None:
            self.reserved.release()


class ResponsesSocket:
    """The endpoint. ``app`` is the surface behind its door, which the responses are calls to."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        core = core_of(request)
        if header(request, b"sec-websocket-key") is None:
            raise UpgradeRequired("It asks for none, or a proxy in between left that out.")
        core.admit()
        socket = await accept(request, core.settings.server.socket_time + _LEAVING)
        await _Session(core, request, socket, self._app).run()


class _Session:
    """One connection's."""

    def __init__(self, core: Core, request: Request, socket: WebSocket, app: ASGIApp) -> None:
        self._core = core
        self._request = request
        self._account = account_of(request)
        self._socket = socket
        self._gone = asyncio.Event()
        calls = Calls(app, request.scope, self._gone, socket.transport)
        self._turns = Turns(core, self._account, socket, calls)
        self._turns.key = header(request, b"idempotency-key")
        self._lanes: dict[str | None, deque[_Wanted]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._expired = False
        self._wrong = 0  # messages in a row that asked for nothing

    # ── The connection ───────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Answer until one of both sides leaves."""
        core, code = self._core, NORMAL
        core.open.join(self)
        ends = [asyncio.ensure_future(self._drain()), asyncio.ensure_future(self._expire())]
        try:
            while (data := await self._message()) is not None:
                await self._take(data)
                if self._wrong > _MOST_WRONG:
                    code = POLICY
                    break
        except TooLarge as error:
            await self._socket.send([error_event(error)])
            code = TOO_BIG
        except StreamholdError as error:  # no room for what the client sends
            await self._socket.send([error_event(error)])
            code = RESTART
        except asyncio.CancelledError:  # the drain is over
            code = RESTART
            raise
        except BaseException:
            code = DEFECT
            raise
        finally:
            core.open.leave(self)
            if self._socket.open:
                for end in ends:
                    end.cancel()
            await self._leave(code)
            for end in ends:
                end.cancel()

    def look(self, now: float) -> None:
        """Show the client, and all between, that the connection is in use."""
        self._socket.ping()

    async def _leave(self, code: int) -> None:
        self._gone.set()
        closing = asyncio.ensure_future(self._socket.close(code))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LEAVING)
        for task in self._tasks:
            task.cancel()
        self._turns.end()
        await closing

    async def _drain(self) -> None:
        await self._core.draining.wait()
        await self._quiet.wait()
        await self._socket.close(RESTART, "The server restarts. Come again.")

    async def _expire(self) -> None:
        await asyncio.sleep(self._core.settings.server.socket_time)
        self._expired = True
        await self._quiet.wait()
        await self._socket.send([error_event(SocketExpired())])
        await self._socket.close(NORMAL)

    async def _message(self) -> Body | None:
        """The next message; None if there is none.

        Raises:
            TooLarge: it is over the limit. Overloaded: there is no room for it.
        """
        fragment = await self._socket.read()
        if fragment is None:
            return None
        if fragment.last and len(fragment.data) <= MOST_BYTES:
            return Body(fragment.data)
        reading = Reading(body_limits_of(self._request), 0)
        try:
            while fragment is not None:
                await reading.add(fragment.data)
                if fragment.last:
                    return Body(reading.data, reading.reserved)
                fragment = await self._socket.read()
        except BaseException:
            reading.give_up()
            raise
        reading.give_up()
        return None

    # ── What is asked ────────────────────────────────────────────────────────────────────

    async def _take(self, body: Body) -> None:
        lane = None
        try:
            parts = await self._opened(body)
            lane = parts.asked.lane
            if not said.is_note(parts.asked.kind):
                self._admit(parts)
                self._begin(lane, _Wanted(parts, body.reserved))
                self._wrong = 0
                return
        except StreamholdError as error:
            if lane is None and body.reserved is None:
                lane = said.lane_in(body.data)
            await self._socket.send([in_lane(error_event(error), lane)])
        self._wrong += 1
        if body.reserved is not None:
            body.reserved.release()

    def _admit(self, parts: said.Parts) -> None:
        if self._expired:
            raise SocketExpired()
        if self._asked >= _MOST_ASKED:
            raise TooManyCalls(f"A connection may have {_MOST_ASKED} at once.")

    def _begin(self, lane: str | None, wanted: _Wanted) -> None:
        self._asked += 1
        self._quiet.clear()
        self._socket.works()
        if lane in self._lanes:
            self._lanes[lane].append(wanted)
            return
        self._lanes[lane] = deque([wanted])
        task = asyncio.ensure_future(self._serve(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _opened(self, body: Body) -> said.Parts:
        """The event in a message; a large one's is found by the child."""
        if body.reserved is None:
            return said.parts_of(body.data)
        run = self._core.offload.run
        asked, back = await run(Open(), said.Asked, body.data, account=self._account)
        size = int.from_bytes(back[:8], "big")
        return said.Parts(asked, bytes(back[8 : 8 + size]), bytes(back[8 + size :]))

    async def _serve(self, lane: str | None) -> None:
        """Make a lane's responses, one after the other, until there is none."""
        queue = self._lanes[lane]
        try:
            while queue and not self._gone.is_set():
                await self._respond(queue.popleft())
                self._asked -= 1
        finally:
            del self._lanes[lane]
            for wanted in queue:
                wanted.release()
            if not self._lanes:
                self._quiet.set()
                self._socket.rests()

    async def _respond(self, wanted: _Wanted) -> None:
        asked = wanted.parts.asked
        try:
            telling = await self._turns.take(wanted.parts, wanted.release)
        except StreamholdError as error:
            await self._socket.send([in_lane(error_event(error), asked.lane)])
            return
        finally:
            wanted.release()
        if not telling.whole and not self._gone.is_set():
            await self._socket.close(RESTART, "The stream was cut off. Come again.")

"""One request of a program, over as many connections to the broker as it takes.

    ask ──▶ a stream of ours ──▶ events pushed on ──lost──▶ pause, ask after the cursor ──┐
     ▲       whole answer ──lost in the middle?──┐                ▲                       │
     │       anything else ──▶ passed through    │                └───────────lost────────┤
     └──── pause, the same request again ◀───────┘        ended, refused ◀────────────────┘

The program sees one answer. While the broker is away and a stream has begun, the program gets a
comment line now and then, which means nothing in any dialect that is carried.
"""

import asyncio
from typing import TYPE_CHECKING

from streamhold_client.answer import is_good, is_passing, is_stream, retry_after
from streamhold_client.call import SHOWN
from streamhold_client.proxy.client import Client
from streamhold_client.proxy.losses import FAULTS, Broken, Lost, Silent, Unsent
from streamhold_client.proxy.manner import Again
from streamhold_client.proxy.outgoing import Outgoing
from streamhold_client.proxy.request import Request
from streamhold_client.proxy.upstream import Answer

if TYPE_CHECKING:
    from streamhold_client.proxy.server import Proxy

_PING = b": ping\n"
_AFTERMATH = 1.0  # seconds for the end of a body whose terminal has come
_MOST_WHOLE = 64 * 1024 * 1024  # bytes of an answer that are kept until it is whole
_NOT_NOW = frozenset((502, 503, 504))


class GaveUp(Exception):
    """Patience ran out before any answer; the message says why."""


class Exchange:
    """One request and its answer."""

    def __init__(self, proxy: "Proxy", request: Request, client: Client) -> None:
        self._proxy = proxy
        self._request = request
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._outgoing = Outgoing(proxy, request)
        self._manner, self._call = self._outgoing.manner, self._outgoing.call
        self._answer: Answer | None = None
        self._over = False  # the program has its answer, or a failure

    async def _send(self) -> Answer:
        """Ask, to go on after the cursor. Raises Lost, Silent."""
        self._answer = await self._outgoing.send()
        return self._answer

    async def run(self) -> None:
        """Give the program its answer.

        Raises:
            GaveUp, Broken, Lost, Silent: there is none, or not all of it.
        """
        await self._client.drained()  # of what came before
        answer = await self._first()
        while True:
            self._judge(answer)
            if not self._call.owns(answer):
                return await self._pass(answer)
            if is_stream(answer):
                ours = self._manner.ends is not None and self._call.goes_on(answer)
                return await (self._stream(answer) if ours else self._pass(answer))
            try:
                return await self._whole(answer)
            except FAULTS.failed as error:
                if self._client.begun or not self._repeats(error):
                    raise
                answer = await self._again(error)

    async def _first(self) -> Answer:
        """The first answer that is more than "not now"."""
        try:
            answer = await self._send()
        except FAULTS.failed as error:
            if not self._repeats(error):
                raise
            return await self._again(error)
        if self._manner.again is Again.ALWAYS and _is_not_now(answer):
            return await self._again(None, answer)
        return answer

    def _repeats(self, error: Exception) -> bool:
        if isinstance(error, Unsent):
            return True
        return self._manner.again is Again.ALWAYS and self._call.mends(error)

    async def _again(self, error: Exception | None, answer: Answer | None = None) -> Answer:
        """The next answer that is more than a passing refusal; that, once patience has run out.

        Raises:
            GaveUp: there is none.
        """
        outage, told, client = self._call.outage, self._proxy.told, self._client
        is_refused = is_passing if client.begun else _is_not_now
        outage.begin()
        told.lost()
        pings = self._loop.create_task(self._ping()) if client.begun else None
        refused = isinstance(error, Unsent)
        try:
            while True:
                if answer is not None:
                    outage.ask(retry_after(answer))
                pause = outage.pause()
                if pause is None:
                    told.gave_up()
                    if answer is not None and not client.begun:
                        return answer
                    raise GaveUp(str(error) if error else "it refuses the call for now")
                if answer is not None:
                    answer.close()
                await (self._proxy.pool.back(pause) if refused else asyncio.sleep(pause))
                try:
                    refused, answer = False, await self._send()
                except FAULTS.failed as failure:
                    answer, error = None, error or failure
                    refused = isinstance(failure, Unsent)
                    if not self._repeats(failure):
                        raise
                    continue
                if not is_refused(answer):
                    outage.over()
                    told.went_on()
                    return answer
        finally:
            if pings is not None:
                pings.cancel()

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(self._proxy.settings.ping)
            if not self._client.holds_back:
                self._client.write(_PING)

    def _judge(self, answer: Answer) -> None:
        """Learn whether the server is Streamhold: it gives a call's key back."""
        if self._call.key is not None and is_good(answer):
            self._proxy.meet(self._call.owns(answer))

    async def _pass(self, answer: Answer) -> None:
        """Hand the answer on as it comes, whatever it is."""
        client, status = self._client, answer.status_code
        if self._request.method == b"HEAD" or status in (204, 304):
            client.whole(status, answer.raw_headers, None)
        else:
            client.begin(
                status, answer.raw_headers, retries=self._outgoing.names_it and _is_failure(status)
            )
            client.on_pause = self._hold_back
            self._loop.call_soon(client.flush)
            answer.watch(None)
            await answer.flow(client.write)
            client.end()
        self._over = True
        answer.close()

    async def _whole(self, answer: Answer) -> None:
        """Hand the answer on once it is whole; one that is too large for that as it comes."""
        if self._request.method == b"HEAD" or answer.status_code in (204, 304):
            await self._pass(answer)
            return
        client, size = self._client, 0
        pieces: list[bytes] = []

        def sink(data: bytes) -> None:
            nonlocal size
            size += len(data)
            pieces.append(data)
            if size > _MOST_WHOLE:
                if not client.begun:
                    client.begin(answer.status_code, answer.raw_headers)
                    client.on_pause = self._hold_back
                client.write(b"".join(pieces))
                pieces.clear()

        answer.watch(self._proxy.settings.silence)
        try:
            await answer.flow(sink)
        finally:
            answer.close()
        if client.begun:
            client.end()
        else:
            client.whole(answer.status_code, answer.raw_headers, b"".join(pieces))
        self._over = True

    async def _stream(self, answer: Answer) -> None:
        """Hand the events on, over as many connections as it takes."""
        call, client, silence = self._call, self._client, self._proxy.settings.silence
        client.begin(200, answer.raw_headers)
        client.on_pause = self._hold_back
        self._loop.call_soon(client.flush)
        while True:
            loss: Exception | None = None
            answer.watch(silence)
            try:
                await answer.flow(self._take)
            except FAULTS.failed as error:
                loss = error
            finally:
                answer.close()
            if self._over:
                return
            if call.ends(loss):
                break
            await client.drained()  # else the next connection would be cut as this one was
            answer = await self._again(loss or call.early())
            if answer.status_code == 204:  # the cursor is the terminal
                answer.close()
                break
            if not call.goes_on(answer):
                for block in call.refuse(answer, await _beginning(answer)):
                    client.write(block.raw)
                break
        client.end()
        self._over = True

    def _take(self, data: bytes) -> None:
        if self._over:
            return
        blocks = self._call.take(data)
        if not blocks:
            return
        client = self._client
        if len(blocks) == 1:
            client.write(blocks[0].raw)
        else:
            client.write(b"".join([block.raw for block in blocks]))
        if self._call.track.ended:
            client.end()
            self._over = True
            if self._answer is not None:
                self._loop.call_later(_AFTERMATH, self._answer.close)

    def _hold_back(self, held: bool) -> None:
        if self._answer is not None:
            if held:
                self._answer.pause()
            else:
                self._answer.resume()

    # ── Its end ──────────────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """Let go of the connection to the broker."""
        if self._answer is not None:
            self._answer.close()

    def left(self) -> None:
        """The program has left before its answer's end."""
        key = self._call.key
        if self._over or key is None or self._proxy.met is False:
            return
        outgoing, named = self._outgoing, self._outgoing.names_it
        join = outgoing.join if named else 0.0
        if named and self._manner.ends is not None and (join > 0 or outgoing.counts):
            self._proxy.orphans.add(key, outgoing.digest(), outgoing.number)
        if self._proxy.settings.on_leave == "cancel":
            self._proxy.cancel(key, outgoing.credentials, join)


def _is_not_now(answer: Answer) -> bool:
    return answer.status_code in _NOT_NOW and is_passing(answer)


def _is_failure(status: int) -> bool:
    """Whether a program may try a call that was answered so again."""
    return status >= 500 or status in (408, 409, 425, 429)


async def _beginning(answer: Answer) -> bytes:
    """As much of a refusal's body as is worth reading."""
    body = b""

    def sink(data: bytes) -> None:
        nonlocal body
        body += data
        if len(body) > SHOWN:
            raise Broken("it is long")

    try:
        await answer.flow(sink)
    except (Lost, Silent, Broken):
        pass
    finally:
        answer.close()
    return body

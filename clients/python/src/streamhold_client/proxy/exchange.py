"""One request of a program, over as many connections to the broker as it takes.

    ask ──▶ a stream of ours ──▶ events pushed on ──lost──▶ pause, ask after the cursor ──┐
     ▲       whole answer ──lost in the middle?──┐                ▲                       │
     │       anything else ──▶ passed through    │                └───────────lost────────┤
     └──── pause, the same request again ◀───────┘        ended, refused ◀────────────────┘

The program sees one answer. While the broker is away and a stream has begun, the program gets a
comment line now and then, which means nothing in any dialect that is carried.
"""

import asyncio
import secrets
from typing import TYPE_CHECKING

from streamhold_client.answer import is_good, is_passing, is_stream, retry_after
from streamhold_client.call import SHOWN, STREAMS, Call, new_call
from streamhold_client.proxy import heads
from streamhold_client.proxy.client import Client
from streamhold_client.proxy.manner import Again, manner_of
from streamhold_client.proxy.orphans import digest_of
from streamhold_client.proxy.request import Request
from streamhold_client.proxy.upstream import FAULTS, Answer, Broken, Lost, Silent, Unsent

if TYPE_CHECKING:
    from streamhold_client.proxy.server import Proxy

_PING = b": ping\n"
_AFTERMATH = 1.0  # seconds for the end of a body whose terminal has come
_MOST_WHOLE = 64 * 1024 * 1024  # bytes of an answer that are kept until it is whole
_LONGEST_POLL = 60.0  # seconds
_NOT_NOW = frozenset((502, 503, 504))
_KEY, _AFTER = b"idempotency-key", b"last-event-id"
_JOIN, _RETRIED = b"x-streamhold-join", b"x-stainless-retry-count"


class GaveUp(Exception):
    """Patience ran out before any answer; the message says why."""


class Exchange:
    """One request and its answer."""

    def __init__(self, proxy: "Proxy", request: Request, client: Client) -> None:
        self._proxy = proxy
        self._request = request
        self._client = client
        self._loop = asyncio.get_running_loop()
        self.manner = manner_of(request.method.decode(), request.path, request.query)
        own = request.header(_KEY)
        self._names_it = self.manner.keyed and own is None  # the key is ours
        self._digest: bytes | None = None
        key = own if not self._names_it else self._key()
        self.call = self._new_call(key if self.manner.keyed else None)
        self._answer: Answer | None = None
        self._over = False  # the program has its answer, or a failure
        self._headers = heads.end_to_end(request.headers)
        self._more = self._ours(key)

    # ── What is sent ─────────────────────────────────────────────────────────────────────

    def _new_call(self, key: str | None) -> Call:
        request, settings = self._request, self._proxy.settings
        ends = self.manner.ends or (lambda block: False)
        call = new_call(key, FAULTS, settings.patience, ends, request.header(_AFTER))
        call.met, call.guarded = self._proxy.met is not False, True
        return call

    def _ours(self, key: str | None) -> dict[bytes, bytes]:
        """The headers that are the proxy's to say."""
        via = self._request.header(b"via")
        before = f"{via}, " if via else ""
        more = {
            b"host": self._proxy.settings.broker.authority.encode(),
            b"via": f"{before}1.1 {self._proxy.name}".encode("latin1"),
        }
        if self._names_it and key is not None:
            more[_KEY] = key.encode()
        if self.manner.ends is not None:
            more[b"accept-encoding"] = b"identity"
        return more

    def _key(self) -> str:
        """The key of an earlier call that this one goes on with, or a new one."""
        request, orphans = self._request, self._proxy.orphans
        if orphans:
            key = orphans.take(self._digest_of(), _count(request.header(_RETRIED)), self._join)
            if key is not None:
                return key
        return f"call-{secrets.token_hex(16)}"

    @property
    def _join(self) -> float:
        """Seconds that an equal call may come after this one."""
        try:
            return float(self._request.header(_JOIN) or self._proxy.settings.join)
        except ValueError:
            return 0.0  # the broker refuses it

    def _digest_of(self) -> bytes:
        if self._digest is None:
            request = self._request
            named = (request.header(b"authorization"), request.header(b"x-api-key"))
            credentials = "\n".join(value or "" for value in named)
            self._digest = digest_of(request.path, credentials, request.body)
        return self._digest

    @property
    def _silence(self) -> float | None:
        """Seconds until an answer's head is overdue; None if it may take any time.

        A stream begins, with pings perhaps, within ten seconds; a poll may wait for a minute.
        """
        silence, method = self._proxy.settings.silence, self._request.method
        if method != b"POST":
            return silence + _LONGEST_POLL
        return silence if self.manner.ends and STREAMS.search(self._request.body) else None

    async def _send(self) -> Answer:
        """Ask, to go on after the cursor. Raises Lost."""
        request, after = self._request, self.call.track.cursor
        more = {**self._more, _AFTER: b"%d" % after} if after else self._more
        prefix = self._proxy.settings.broker.prefix.encode()
        body = request.body
        size = len(body) if body or request.has_body else None
        head = heads.asked(request.method, prefix + request.target, self._headers, more, size)
        once = self.manner.again is Again.UNSENT or self.call.met is False
        self._answer = await self._proxy.pool.ask(
            head,
            body,
            is_head=request.method == b"HEAD",
            fresh=once,
            silence=None if self.call.met is False else self._silence,
        )
        return self._answer

    # ── What is answered ─────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Give the program its answer.

        Raises:
            GaveUp, Broken, Lost, Silent: there is none, or not all of it.
        """
        await self._client.drained()  # of what came before
        answer = await self._first()
        while True:
            self._judge(answer)
            if not self.call.owns(answer):
                return await self._pass(answer)
            if is_stream(answer):
                ours = self.manner.ends is not None and self.call.goes_on(answer)
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
        if self.manner.again is Again.ALWAYS and _is_not_now(answer):
            return await self._again(None, answer)
        return answer

    def _repeats(self, error: Exception) -> bool:
        if isinstance(error, Unsent):
            return True
        return self.manner.again is Again.ALWAYS and self.call.mends(error)

    async def _again(self, error: Exception | None, answer: Answer | None = None) -> Answer:
        """The next answer that is more than a passing refusal; that, once patience has run out.

        Raises:
            GaveUp: there is none.
        """
        outage, told, client = self.call.outage, self._proxy.told, self._client
        is_refused = is_passing if client.begun else _is_not_now
        outage.begin()
        told.lost()
        pings = self._loop.create_task(self._ping()) if client.begun else None
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
                await asyncio.sleep(pause)
                try:
                    answer = await self._send()
                except FAULTS.failed as failure:
                    answer, error = None, error or failure
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
        if self.call.key is not None and is_good(answer):
            self._proxy.meet(self.call.owns(answer))

    async def _pass(self, answer: Answer) -> None:
        """Hand the answer on as it comes, whatever it is."""
        client, status = self._client, answer.status_code
        if self._request.method == b"HEAD" or status in (204, 304):
            client.whole(status, answer.raw_headers, None)
        else:
            client.begin(status, answer.raw_headers, retries=self._names_it and is_failure(status))
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
        call, client, silence = self.call, self._client, self._proxy.settings.silence
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
        blocks = self.call.take(data)
        if not blocks:
            return
        client = self._client
        if len(blocks) == 1:
            client.write(blocks[0].raw)
        else:
            client.write(b"".join([block.raw for block in blocks]))
        if self.call.track.ended:
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
        key = self.call.key
        if self._over or key is None or self._proxy.met is False:
            return
        number = _count(self._request.header(_RETRIED))
        join = self._join if self._names_it else 0.0
        stainless = self._request.header(_RETRIED) is not None
        if self._names_it and self.manner.ends is not None and (join > 0 or stainless):
            self._proxy.orphans.add(key, self._digest_of(), number)
        if self._proxy.settings.on_leave == "cancel":
            named = (b"authorization", b"x-api-key")
            headers = [pair for pair in self._headers if pair[0].lower() in named]
            self._proxy.cancel(key, headers, join)


def _is_not_now(answer: Answer) -> bool:
    return answer.status_code in _NOT_NOW and is_passing(answer)


def is_failure(status: int) -> bool:
    """Whether a program may try a call that was answered so again."""
    return status >= 500 or status in (408, 409, 425, 429)


def _count(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0


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

"""What calls to providers of any dialect have in common: a POST, and an answer in either form.

A dialect adds where it posts, with which headers and body, and how its events are decoded.

Most events differ from the one before in a string that only its reader cares for. Once one of
them was decoded, those like it go past the splitter and the decoder, from the bytes that came
straight into the stream's payload (``Sink.again``): a third of what a token costs a worker. Like
it is what fits the template that it was stored against, where only strings vary that mean nothing
to the decoder (``Decoder.idle``), and nothing stands in them that may not stand in a string.

A provider that resumes goes on with a call whose connection is lost, and gives its answer again
to who asks. Unless its dialect has a way of its own it is another Streamhold: there a call has
a name, its ``Idempotency-Key``, and to post it again is to attach to it.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from typing import Any, ClassVar, Protocol

import aiohttp
from multidict import CIMultiDict

from broker.dialects.posted import Way, posted
from broker.frames import Frame
from broker.model import Failure
from broker.refusal import refused
from broker.settings import Provider as ProviderSettings
from broker.settings import Secret, Timeouts
from workers.providers import failures
from workers.providers.asking import headers, is_whole, split
from workers.providers.base import Call, Held, ProviderFailure, Reply, Sink
from workers.providers.exchange import Exchange
from workers.providers.posting import Posts
from workers.providers.slices import SLICE, turn
from workers.providers.splitter import SseEvent, SseSplitter

_PIECE = 2048  # bytes
WHOLE_LIMIT = 32 * 1024 * 1024  # bytes of a whole answer
_STOP = Timeouts(connect=5.0, first_token=5.0, idle=5.0, total=5.0)


class Decoder(Protocol):
    """Decodes one streamed answer, and keeps a ``Reply`` up to date.

    ``failure`` is set by the event that makes the answer a failure; frames before it stand.
    ``done`` says that nothing after this is part of the answer; ``finished`` that it is
    complete if it ends here.
    """

    done: bool
    failure: Failure | None

    @property
    def idle(self) -> tuple[bytes, ...]:
        """Keys of strings that mean nothing to it, each as it stands before its value
        (``"text":"``): an event that differs in these alone from one that it took says nothing
        new to it."""
        ...

    @property
    def sure(self) -> bool:
        """Whether ``finished`` is to be trusted where the connection was lost."""
        ...

    @property
    def finished(self) -> bool: ...

    def feed(self, events: list[SseEvent]) -> list[Frame]:
        """The frames of these events, up to the answer's end or its failure."""
        ...


class Upstream(ABC):
    """One account of a provider; keeps nothing of a call."""

    path: ClassVar[str]

    def __init__(
        self,
        name: str,
        provider: ProviderSettings,
        key: Secret | None,
        session: aiohttp.ClientSession,
    ) -> None:
        self.name = name
        self._base = provider.base_url.rstrip("/")
        self._provider = provider
        self._key = key
        self._session = session
        self._posts = Posts(session)
        self.resumes = provider.resumes
        self._latest: tuple[bool, dict[str, str], CIMultiDict[str]] | None = None  # headers

    async def stream(
        self, call: Call, reply: Reply, sink: Sink | None = None
    ) -> AsyncGenerator[list[Frame], None]:
        """See ``base.Provider``. A JSON answer, asked for or not, is given at once."""
        streams = self._provider.streams and call.wants_stream
        async with Exchange(self._session, call.timeouts, self._posts) as exchange:
            await self._ask(exchange, call, streams)
            if await is_whole(exchange, self._refused):
                body = await exchange.whole(WHOLE_LIMIT)
                exchange.complete()
                frames = self._whole(call, body, reply)
                reply.first_token = exchange.elapsed
                yield frames
                return
            decoder = self._decoder(call, reply)
            intake = _Intake(exchange, decoder, reply, sink)
            if sink is not None:
                exchange.pour_into(intake.pour)
            async for data in exchange:
                if sink is not None:
                    if data and intake.pour(data):
                        continue
                    data = b""
                place = 0
                while True:
                    frames = intake.take(data[place : place + SLICE])
                    if frames:
                        yield frames
                    if decoder.failure is not None:
                        raise ProviderFailure(decoder.failure)
                    if decoder.done:
                        return
                    place += SLICE
                    if place >= len(data):
                        break
                    await turn()  # so much has gathered that others come in between
            if not decoder.finished or (exchange.lost is not None and not decoder.sure):
                raise ProviderFailure(exchange.lost or failures.cut())

    def knows(self, held: Held) -> bool:
        """See ``base.Provider``."""
        return self.resumes

    async def stop(self, call: Call) -> None:
        """See ``base.Provider``."""
        path = self._stopped_at(call)
        if path is None:
            return
        async with Exchange(self._session, _STOP) as exchange:
            await exchange.post(self._base + path, self._headers(call, streams=False), b"")
            await exchange.whole(WHOLE_LIMIT)
            exchange.complete()

    async def _ask(self, exchange: Exchange, call: Call, streams: bool) -> None:
        """Make the call, or ask for the rest of the one that ``call.held`` tells of."""
        prepared = call.prepared
        try:
            url = self._url(call, streams)
            body = self._body(call, streams) if prepared is None else prepared.take()
            headers = self._headers(call, streams)
        except (ValueError, OverflowError, RecursionError) as error:
            raise ProviderFailure(failures.unsent()) from error
        if self.resumes:
            headers = headers.copy()
            headers["Idempotency-Key"] = _name_of(call)
        await exchange.post(url, headers, body)
        if prepared is not None:
            prepared.sent()

    def _stopped_at(self, call: Call) -> str | None:
        """The path to post to, to end a call; None if its answer was never begun."""
        return f"/jobs/{_name_of(call)}/cancel"

    def _url(self, call: Call, streams: bool) -> str:
        return self._base + self.path

    def _refused(self, status: int, body: bytes, retry_after: str | None, now: float) -> Failure:
        """What a status other than 200 means; see ``broker.refusal``."""
        return refused(status, body, retry_after, now)

    def _headers(self, call: Call, streams: bool) -> CIMultiDict[str]:
        """Made once for calls that have the same: not to be changed."""
        own = self._own_headers(call.request)
        if self._latest is None or self._latest[:2] != (streams, own):
            self._latest = streams, own, headers(self._provider, streams, own)
        return self._latest[2]

    @abstractmethod
    def _own_headers(self, request: dict[str, Any]) -> dict[str, str]:
        """What the dialect adds: the key above all."""

    def _body(self, call: Call, streams: bool) -> bytes:
        """The caller's body with the provider's model name and our way of streaming."""
        way = Way(call.model, streams, call.partial, call.previous)
        return posted(self._provider, call.request, way)

    @abstractmethod
    def _decoder(self, call: Call, reply: Reply) -> Decoder:
        """A decoder of this call's streamed answer."""

    @abstractmethod
    def _whole(self, call: Call, body: bytes, reply: Reply) -> list[Frame]:
        """The frames of a whole answer: one of kind WHOLE, or what tells of it as a stream would.

        Raises:
            ProviderFailure: it is none, or holds an error.
        """


class _Intake:
    """What arrives of one streamed answer, as frames."""

    __slots__ = (
        "_alike",
        "_decoder",
        "_error",
        "_exchange",
        "_left",
        "_reply",
        "_sink",
        "_splitter",
        "_unread",
    )

    def __init__(
        self, exchange: Exchange, decoder: Decoder, reply: Reply, sink: Sink | None
    ) -> None:
        self._exchange = exchange
        self._splitter = SseSplitter()
        self._decoder = decoder
        self._reply = reply
        self._sink = sink
        self._alike = False  # whether what is like the last event may go past the decoder
        self._left: list[Frame] = []  # that the sink did not take
        self._unread = b""  # what came behind them
        self._error: Exception | None = None  # that it raised

    def take(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete, after those that were left.

        Raises:
            ProviderFailure: an event is too large. Else what the sink raised.
        """
        self._alike = False
        if self._error is not None:
            raise self._error
        left, self._left = self._left, []
        unread, self._unread = self._unread, b""
        if self._over:
            return left
        if unread:
            data = unread + data
        events = split(self._splitter, data) if data else ()
        if not events:
            return left
        self._exchange.progress(len(events))
        frames = self._decoder.feed(events)
        if self._decoder.done:
            self._exchange.complete()
        if frames and self._reply.first_token is None:
            self._reply.first_token = self._exchange.elapsed
        return left + frames if left else frames

    def pour(self, data: bytes) -> bool:
        """Take bytes into the sink; false if that is not all there is to do."""
        place, end = 0, len(data)
        try:
            if self._alike and end <= _PIECE and self._pass(data):  # nearly always
                return True
            while place < end:
                piece = data[place : self._cut(data, place)]
                place += len(piece)
                if not (self._pass(piece) or self._pour(piece)):
                    self._unread = data[place:]
                    return False
        except Exception as error:  # noqa: BLE001 - raised where the answer is read
            self._error = error
            return False
        return True

    def _cut(self, data: bytes, place: int) -> int:
        """Where the next piece ends: with the event that is under way, or with some whole ones,
        few enough that an odd one among them costs little."""
        least = _PIECE if self._splitter.idle else 0
        if len(data) - place <= least:
            return len(data)
        cut = data.find(b"\n\n", place + least)
        return len(data) if cut < 0 else cut + 2

    def _pass(self, data: bytes) -> bool:
        """Take what is like the last event, past the decoder; false if something is not."""
        cut = data.rfind(b"\n\n") if self._alike and self._splitter.idle else -1
        if cut < 0 or self._sink is None:
            return False
        cut += 2
        whole = cut == len(data)
        count = self._sink.again(data if whole else data[:cut])
        if not count:
            return False
        self._reply.events += count
        self._exchange.progress(count)
        if not whole:
            split(self._splitter, data[cut:])
        return True

    def _pour(self, data: bytes) -> bool:
        assert self._sink is not None
        alike = self._alike
        frames = self.take(data)
        if frames and not self._sink(frames):
            self._left = frames
            return False
        self._alike = (bool(frames) or alike) and self._sink.alike(self._decoder.idle)
        return not self._over

    @property
    def _over(self) -> bool:
        """Whether the answer has ended: nothing that comes behind is part of it."""
        return self._decoder.done or self._decoder.failure is not None


def _name_of(call: Call) -> str:
    """The attempt's name with a provider that resumes: the same whoever asks for it again."""
    return f"call-{call.key}-{call.attempt}"

"""A provider of one dialect, for jobs of another.

A job's stream holds frames in the job's own dialect, whoever answers. So this stands around
any provider: the caller's request is translated before the call and refused if it can't be,
and each frame that comes back is translated by itself, as it comes.

    caller's request ─▶ neutral ─▶ provider's request
    caller's frames  ◀─ neutral ◀─ provider's frames
"""

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Any

import msgspec

from broker import log
from broker.dialects.neutral import errors
from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import (
    Put,
    Translation,
    counted,
    put,
    reader,
    translate_usage,
    writer,
)
from broker.dialects.registry import DIALECTS
from broker.dialects.responses import Inbound
from broker.dialects.responses.minted import items_name
from broker.dialects.wire import decode_object, encode
from broker.errors import BadRequest, Unexpressible
from broker.frames import Frame, Kind, data_frame, data_of
from broker.model import Failure
from workers.providers import failures
from workers.providers.base import Call, Held, Provider, ProviderFailure, Reply, Sink

_AT_ONCE = 256 * 1024  # bytes of frames


def speaking(provider: Provider, spoken: str, caller: str, terms: Terms | None = None) -> Provider:
    """The provider, which speaks one dialect, for jobs in the dialect of their caller."""
    return provider if spoken == caller else TranslatedProvider(provider, spoken, caller, terms)


def unexpressible(error: BadRequest, caller: str) -> ProviderFailure:
    """A target can't be asked a request in the caller's dialect; another one may do."""
    message = error.message
    if isinstance(error, Unexpressible):
        message = DIALECTS[caller].refused(error)
    return ProviderFailure(
        Failure(
            type="invalid_request_error",
            message=message,
            status=400,
            remedy="next",
            code=Unexpressible.code,  # to it, whatever it may be to others
            param=error.param,
        )
    )


class TranslatedProvider:
    """A provider whose calls and frames are in the caller's dialect; keeps nothing of a call."""

    def __init__(
        self, provider: Provider, spoken: str, caller: str, terms: Terms | None = None
    ) -> None:
        self._provider = provider
        self._terms = terms or Terms()
        self._spoken = spoken
        self._caller = caller
        self.resumes = provider.resumes

    async def stream(
        self, call: Call, reply: Reply, sink: Sink | None = None
    ) -> AsyncGenerator[list[Frame], None]:
        """See ``base.Provider``. An answer that came whole is told as events too.

        An answer that is cut here (``neutral.cut``) is complete, and the provider's call ended.
        Nothing goes into the sink: an answer's end has more to say than its last frames.

        Raises:
            ProviderFailure: as the provider, or the request can't be translated, in which case
                nobody was called.
        """
        made = self._put(call)
        asked = msgspec.structs.replace(call, request=made.request)
        reply.lost = made.lost
        theirs = Reply()
        told = Translation(
            reader(self._spoken, call.request_id),
            writer(self._caller, call.request, int(time.time()), made, _name(call)),
            made.space,
            made.cut,
            made.names,
        )
        answer = _Answer(self._spoken, self._caller, call, told, theirs, reply)
        try:
            async with aclosing(self._provider.stream(asked, theirs)) as stream:
                async for received in stream:
                    for frames in answer.take(received):
                        yield frames
                    answer.check()
                    if told.ended:
                        break
            if told.ended:
                await self._end(asked, theirs)
            for frames in answer.end():
                yield frames
            answer.check()
        finally:
            answer.settle()

    async def _end(self, call: Call, theirs: Reply) -> None:
        """End a call whose answer was cut, if it would go on without its connection."""
        if not self.resumes:
            return
        held = msgspec.structs.replace(call, held=Held(theirs.provider_id))
        try:
            await self._provider.stop(held)
        except ProviderFailure as error:
            log.warning("attempt.unstopped", request_id=call.request_id, type=error.failure.type)

    def knows(self, held: Held) -> bool:
        """See ``base.Provider``."""
        return self._provider.knows(held)

    async def stop(self, call: Call) -> None:
        """See ``base.Provider``."""
        await self._provider.stop(call)

    def _terms_of(self, call: Call) -> Terms:
        return msgspec.structs.replace(self._terms, drop=call.drop) if call.drop else self._terms

    def _put(self, call: Call) -> Put:
        """The same call in the provider's dialect.

        Raises:
            ProviderFailure: there is no such thing; another target may do.
        """
        if call.prepared is not None:  # in the provider's dialect already
            return call.prepared.put
        try:
            return put(
                *(call.request, self._caller, self._spoken, call.model, self._terms_of(call)),
                partial=bool(call.partial),
                resumes=self.resumes,
            )
        except BadRequest as error:
            raise unexpressible(error, self._caller) from error


def _name(call: Call) -> str:
    """What ids of a response's items are made of: see ``broker.dialects.responses.minted``."""
    return items_name(call.response_id, call.attempt) if call.response_id else ""


class _Answer:
    """One answer on its way from the provider's frames to the caller's."""

    def __init__(
        self, spoken: str, caller: str, call: Call, told: Translation, theirs: Reply, ours: Reply
    ) -> None:
        self._spoken = spoken
        self._theirs = theirs
        self._ours = ours
        self._garbled = False
        self._whole = False
        self._told = told
        self._caller = caller
        self._inbound = Inbound(call.response_id, call.request)

    def take(self, received: list[Frame]) -> Iterator[list[Frame]]:
        """The caller's frames for some of the provider's."""
        return self._grouped(
            frame for each in received for frame in self._read(each.kind, each.body)
        )

    def end(self) -> Iterator[list[Frame]]:
        """The rest of a complete answer, which may tell all of it again."""
        return (
            iter(()) if self._whole else self._grouped(self._framed(lambda _: self._told.end(), {}))
        )

    def _read(self, kind: int, body: bytes) -> Iterator[Frame]:
        event = decode_object(data_of(body))
        if event is None:
            return iter(())  # the provider's decoder lets nothing else through
        self._whole = self._whole or kind == Kind.WHOLE
        return self._framed(self._told.whole if kind == Kind.WHOLE else self._told.feed, event)

    def _grouped(self, frames: Iterator[Frame]) -> Iterator[list[Frame]]:
        """The frames as they are made; of many bytes some at a time, so that each may be sent
        before the next is there."""
        group: list[Frame] = []
        size = 0
        for frame in frames:
            group.append(frame)
            size += len(frame.body)
            if size > _AT_ONCE:
                yield self._noted(group)
                group, size = [], 0
        if self._noted(group):
            yield group

    def check(self) -> None:
        """Raise ProviderFailure if what was read last is none of an answer."""
        if self._garbled:
            raise ProviderFailure(failures.garbled("event"))
        if (failed := self._told.failed) is not None:
            status = errors.status_of(failed)
            failure = failures.stream_error(
                {"status": status, "message": failed.message, "code": failed.code}
            )
            if failed.code is not None:  # the provider itself reported none
                failure = msgspec.structs.replace(failure, provider_status=None)
            raise ProviderFailure(failure)

    def settle(self) -> None:
        """However it ended: what it cost, as far as the provider said."""
        ours, theirs = self._ours, self._theirs
        if theirs.usage is not None:
            ours.usage = translate_usage(theirs.usage, self._spoken, self._caller)
        if theirs.said is not None:
            ours.said = translate_usage(theirs.said, self._spoken, self._caller)
        if self._told.usage is not None:  # of an answer that was cut
            ours.usage = counted(self._told.usage, self._caller)

    def _noted(self, frames: list[Frame]) -> list[Frame]:
        ours, theirs = self._ours, self._theirs
        ours.provider_id, ours.first_token = theirs.provider_id, theirs.first_token
        ours.events += len(frames)
        return frames

    def _framed(
        self, translate: Callable[[dict[str, Any]], list[dict[str, Any]]], event: dict[str, Any]
    ) -> Iterator[Frame]:
        if self._garbled or self._told.failed is not None:
            return
        try:
            for each in translate(event):
                yield self._frame(each)
        # Fields of other types than the dialect's; numbers beyond what can be written.
        except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError):
            self._garbled = True

    def _frame(self, event: dict[str, Any]) -> Frame:
        if self._caller == "responses":
            if event["type"] == "response.completed":
                event["response"]["completed_at"] = int(time.time())
            return self._inbound.frame(event["type"], encode(event))
        if self._caller == "messages":
            return data_frame(Kind.DIALECT, encode(event), event["type"].encode())
        kind = Kind.USAGE if event.get("choices") == [] else Kind.DIALECT
        return data_frame(kind, encode(event))

"""Bodies of large requests, and of those that name earlier responses, which may be large too:
made in the child process, one attempt at a time.

A worker keeps no such body: it is fetched and translated for each attempt, anew for a retry, and
let go of once it was sent. So its memory doesn't grow with the length of the answers, and how many
are on their way at once is bounded (``broker.offload.budget``). Those that wait hold their jobs.
"""

import math

import msgspec

from broker.dialects.body import decode_object
from broker.dialects.neutral.translation import Put
from broker.errors import BadRequest, ItemNotFound, JobGone, PreviousNotFound, TooLarge
from broker.model import Failure
from broker.offload import Offload
from broker.offload.tasks import Partial, Prepare
from broker.offload.tasks import Prepared as Made
from broker.settings import Provider
from broker.store.queue import Claim
from workers.providers import failures
from workers.providers.base import Call, Prepared, ProviderFailure
from workers.providers.translated import unexpressible
from workers.waiting import until_back

_COPIES = 3  # of a body at most: as it is stored, translated and on its way
_BODY_LOST = Failure(
    type="internal_error",
    message="The request's body is no longer in the store.",
    status=500,
    remedy="final",
)


class Preparing:
    """Makes the bodies of one job's calls."""

    def __init__(self, offload: Offload, claim: Claim) -> None:
        self._offload = offload
        self._job = claim.job
        self._body = len(claim.body or b"")

    async def prepared(
        self, call: Call, name: str, provider: Provider, partial: Partial | None
    ) -> Call:
        """The call with its body; with its whole request, where a library takes that.

        ``partial`` is what to go on from. Whoever gets it calls ``prepared.sent`` in the end.

        Raises:
            ProviderFailure: the target can't be asked this, or the body is gone.
        """
        outline = self._job.outline
        size = _COPIES * (self._body if outline is None else outline.size)
        reserved = await self._offload.budget.take(self._job.account, size, math.inf)
        try:
            task = Prepare(
                key=self._job.key,
                dialect=self._job.dialect,
                model=call.model,
                provider=provider,
                streams=provider.streams and call.wants_stream and provider.library is None,
                flag=call.partial,
                previous=call.previous,
                drop=call.drop,
                resolve=call.resolve,
                partial=partial,
                name=name,
            )
            made, body = await until_back(lambda: self._run(task))
        except BaseException as error:
            reserved.release()
            raise _failure(error, self._job.dialect) from error
        if (more := _COPIES * len(body) - reserved.size) > 0:  # of what was written out
            reserved.grow(more)
        put = Put(made.asked, made.space, made.cut, made.lost, made.given, made.names)
        if provider.library is not None:  # it takes the request as it is, in the chat dialect
            reserved.release()
            request = decode_object(body)
            whole = Prepared(b"", msgspec.structs.replace(put, request=request), _nothing)
            return msgspec.structs.replace(call, request=request, prepared=whole)
        prepared = Prepared(body, put, reserved.release)
        return msgspec.structs.replace(call, prepared=prepared)

    async def _run(self, task: Prepare) -> tuple[Made, bytearray]:
        return await self._offload.run(task, Made, account=self._job.account)


def _nothing() -> None:
    """Nothing was kept for it."""


def _failure(error: BaseException, caller: str) -> BaseException:
    match error:
        case JobGone():
            return ProviderFailure(_BODY_LOST)
        case PreviousNotFound() | ItemNotFound():
            return ProviderFailure(failures.refused_here(error))
        case BadRequest():
            return unexpressible(error, caller)
        case TooLarge():
            return unexpressible(BadRequest(error.message), caller)
        case _:
            return error

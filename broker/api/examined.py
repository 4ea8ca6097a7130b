"""Large bodies: examined and uploaded by the child process, an outline is what comes back."""

from broker.api.body import Body
from broker.api.core import Core
from broker.offload.tasks import Examine, Examined
from broker.queue import Submission


async def examined(core: Core, task: Examine, body: Body) -> Examined:
    """What the child finds of a large body; gives back what the body had of the budget.

    Raises:
        BadRequest and the like: what is wrong with it. StoreAway, StoreFull, TooLarge.
    """
    assert body.reserved is not None
    try:
        found, _ = await core.offload.run(task, Examined, body.data, account=task.account)
        return found
    finally:
        body.reserved.release()


def submission_of(task: Examine, found: Examined) -> Submission:
    """The submission of a call whose body was examined."""
    return Submission(
        account=task.account,
        request_id=found.request_id,
        dialect=found.dialect,
        request=found.outline.request,
        body=b"",
        metadata=found.metadata,
        keep=found.keep,
        examined=found,
    )

"""What came before a request, read from the store and written out (``responses.history``).

It is done in the child, for a conversation may be as long as its caller likes: each turn is a
stored request and a stream. What it comes to is bounded like a body: in bytes, and in turns.

Whose a response is decides its record; an item's is its response's. Whatever is not the caller's
own, or not there any more, is answered as if it had never been.
"""

from collections.abc import Iterator

import msgspec

from broker.dialects.body import decode_object
from broker.dialects.responses.dialect import RESPONSES
from broker.dialects.responses.history import (
    Item,
    Told,
    Turn,
    input_of,
    reference_of,
    told_turns,
    written_out,
)
from broker.dialects.responses.minted import is_minted, response_of
from broker.dialects.responses.resource import input_items
from broker.errors import ItemNotFound, PreviousNotFound, TooLarge
from broker.frames import Frame
from broker.model import Job, JobState
from broker.offload.size import parts_in
from broker.offload.storage import Storage
from broker.offload.tasks import Resolve
from broker.store.response_ids import key_in

MOST_TURNS = 2_000
_SEVERAL = "/"  # the name of no provider: an answer that was gone on with is nobody's own
_SHORT, _OF_SHORT = 4096, 8  # bytes of an event, of which so many are counted as one


class _Kept(msgspec.Struct, frozen=True):
    """A response that is the caller's own: its job, by its id, and what it was asked."""

    name: str
    job: Job
    request: Item

    @property
    def provider(self) -> str:
        """Who gave the answer, and knows its items by their ids."""
        told = {each.provider for each in self.job.attempts if each.provider}
        return told.pop() if len(told) == 1 else _SEVERAL


class History:
    """Of one request. ``size`` and ``parts`` bound what is read for it, as they do a body."""

    def __init__(self, storage: Storage, task: Resolve, size: int, parts: int) -> None:
        self._storage = storage
        self._task = task
        self._left, self._parts = size, parts
        self._secret = storage.secret()
        self._known: dict[str, _Kept | None] = {}  # by a job's key
        self._outputs: dict[str, list[Item]] = {}  # by a job's key

    def written_out(self, request: Item) -> Item:
        """The request, with all that it names in the place of the names.

        Raises:
            PreviousNotFound, ItemNotFound: something is not there, or is not the caller's.
            TooLarge: it is more than a body may be. StoreAway.
        """
        task = self._task
        turns: list[Turn] = []
        asked = request
        previous = request.get("previous_response_id")
        while task.follows and isinstance(previous, str):
            kept = self._kept(previous)
            if kept is None or len(turns) >= MOST_TURNS:
                raise PreviousNotFound(param="previous_response_id")
            turns.append(Turn(kept.provider, input_of(kept.request), self._output(kept)))
            previous = kept.request.get("previous_response_id")
        turns.reverse()
        provider = task.provider if task.native else None
        before = [self._resolved(told, "previous_response_id") for told in told_turns(turns)]
        own: list[Told | Item] = []
        for place, item in enumerate(input_of(asked)):
            own.append(self._own(item, f"input[{place}]"))
        found = written_out(request, [each for each in before if each], own, provider)
        if not task.follows and "previous_response_id" in request:  # it is the provider's to know
            found["previous_response_id"] = request["previous_response_id"]
        return found

    def _own(self, item: Item, where: str) -> Told | Item:
        if reference_of(item) is None:
            return item
        told = self._referred(item)
        if told is None:
            if self._task.foreign and self._task.native:
                return item  # whoever it was made for: see ``kept``
            raise ItemNotFound(f"It is {str(item.get('id'))[:100]!r}.", param=where)
        if self._task.native and told.provider == self._task.provider:
            return item  # it is known there by its id
        return told

    def _resolved(self, told: Told, where: str) -> Told:
        """An item of an earlier turn, which may stand for another one."""
        if reference_of(told.item) is None:
            return told
        found = self._referred(told.item)
        if found is None:
            raise PreviousNotFound("It names an item that is not there.", param=where)
        return found

    def _referred(self, item: Item) -> Told | None:
        """What a reference stands for."""
        name = str(item["id"])
        for kept in self._places_of(name):
            for each in self._output(kept):
                if each.get("id") == name:
                    return Told(each, kept.provider)
            for each in input_items(kept.name, kept.request):
                if each.get("id") == name and reference_of(each) is None:
                    return Told({key: each[key] for key in each if key != "id"})
        return None

    def _places_of(self, name: str) -> Iterator[_Kept]:
        """The responses that may have an item of this id."""
        response = response_of(name)
        if response is not None and (kept := self._kept(response)) is not None:
            yield kept
        key = self._storage.job_of_item(self._task.account, name)
        if key is not None and (kept := self._of_job(response or "", key)) is not None:
            yield kept

    def _kept(self, name: str) -> _Kept | None:
        if self._secret is None or not is_minted(name):
            return None
        key = key_in(self._secret, name)
        return None if key is None else self._of_job(name, key)

    def _of_job(self, name: str, key: str) -> _Kept | None:
        """The response of a job, if it is the caller's own and has completed."""
        if key not in self._known:
            self._known[key] = self._loaded(name, key)
        return self._known[key]

    def _loaded(self, name: str, key: str) -> _Kept | None:
        job = self._storage.job(key)
        if (
            job is None
            or job.account != self._task.account
            or job.dialect != RESPONSES.name
            or job.state is not JobState.COMPLETED
            or not job.keep
        ):
            return None
        body = self._storage.body(key)
        if body is None:
            return None
        self._take(len(body), parts_in(body))
        return _Kept(name, job, decode_object(body))

    def _output(self, kept: _Kept) -> list[Item]:
        key = kept.job.key
        if key not in self._outputs:
            fold = RESPONSES.folding()
            for frames in self._storage.frames(key):
                self._take(sum(map(_counted, frames)), 0)
                fold.feed(frames)
            output = fold.answer().get("output")
            found = output if isinstance(output, list) else []
            self._outputs[key] = [each for each in found if isinstance(each, dict)]
        return self._outputs[key]

    def _take(self, size: int, parts: int) -> None:
        self._left -= size
        self._parts -= parts
        if self._left < 0 or self._parts < 0:
            raise TooLarge("What it goes on from is more than one request may be.")


def _counted(frame: Frame) -> int:
    """What a frame counts as, in bytes: of a short one most is said in every other, too."""
    size = len(frame.body)
    return size if size > _SHORT else size // _OF_SHORT

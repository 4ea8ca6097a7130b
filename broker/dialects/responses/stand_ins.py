"""Stand-ins for what a request names of earlier ones, so that it can be checked without them.

Whether a request can be put to a provider is checked when it comes, before what it names is read
from the store (``history``). Some of the check needs more than one item: a provider may ask for the
call that a result belongs to, or for a first turn. So for the check something stands where that
will be: a call of the right kind before each result without one, and a turn before them all. What
is refused then would be refused with the history as well.
"""

import re
from typing import Any, NamedTuple

import msgspec

from broker.dialects.responses.history import Item, input_of, names_history, reference_of
from broker.errors import BadRequest, Unexpressible

_TURN: Item = {"type": "message", "role": "user", "content": "."}
_NAME = "earlier"
_CALLS: dict[str, Item] = {  # by the result's type
    "function_call_output": {"type": "function_call", "name": _NAME, "arguments": "{}"},
    "custom_tool_call_output": {"type": "custom_tool_call", "name": _NAME, "input": ""},
    "tool_search_output": {"type": "tool_search_call", "execution": "client", "arguments": {}},
}
_ITEM = re.compile(r"input\[(\d+)\]")


class StoodIn(NamedTuple):
    """A request with stand-ins; ``places``: where its caller wrote each item, -1 for a stand-in."""

    request: Item
    places: list[int]

    def where(self, path: str) -> str:
        """The caller's path of what stands at this one."""
        found = _ITEM.match(path)
        if found is None or int(found[1]) >= len(self.places):
            return path
        place = self.places[int(found[1])]
        return "input" if place < 0 else f"input[{place}]{path[found.end() :]}"

    def located(self, error: BadRequest) -> BadRequest:
        """An error about the request, with the caller's paths."""
        if isinstance(error, Unexpressible) and error.losses:
            return Unexpressible(
                losses=[
                    msgspec.structs.replace(loss, path=self.where(loss.path))
                    for loss in error.losses
                ]
            )
        if error.param is not None:
            error.param = self.where(error.param)
        return error


def stood_in(request: Item) -> StoodIn | None:
    """The request as it can be checked; None if it names nothing of earlier ones."""
    if not names_history(request):
        return None
    goes_on = isinstance(request.get("previous_response_id"), str)
    own = [
        (place, item) for place, item in enumerate(input_of(request)) if reference_of(item) is None
    ]
    placed = [(-1, _TURN)] if goes_on or not own else []
    calls = {_called(item) for _, item in own if not _is_result(item)}
    run: list[tuple[int, Item]] = []  # results that follow one another: their calls go before all
    for place, item in [*own, (-1, None)]:
        if item is not None and _is_result(item):
            run.append((place, item))
            continue
        missing = {_called(result): result for _, result in run if _called(result) not in calls}
        placed += [(-1, _call_of(result)) for result in missing.values()]
        calls |= missing.keys()
        placed += run
        run = []
        if item is not None:
            placed.append((place, item))
    bare = {key: value for key, value in request.items() if key != "previous_response_id"}
    bare["input"] = [item for _, item in placed]
    return StoodIn(bare, [place for place, _ in placed])


def _is_result(item: Item) -> bool:
    return item.get("type") in _CALLS and isinstance(item.get("call_id"), str)


def _called(item: Item) -> Any:
    found = item.get("call_id")
    return found if isinstance(found, str) else None


def _call_of(result: Item) -> Item:
    return {**_CALLS[result["type"]], "call_id": result["call_id"]}

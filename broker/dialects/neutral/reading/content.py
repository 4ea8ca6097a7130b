"""Contents: the parts of a message, where some may be of a kind that has no counterpart."""

from collections.abc import Callable, Iterable, Iterator

from broker.dialects.neutral.fields import Fields, unexpressible
from broker.dialects.neutral.losing import noted
from broker.dialects.neutral.request import Document, Image, Part, Text
from broker.errors import Unexpressible

_LONGEST_KIND = 40  # characters of a part's type that a model is told


def contents(items: Iterable[Fields], read: Callable[[Fields], Part]) -> Iterator[Part]:
    """The parts of a list; a note for the model in place of one that can't be asked."""
    for each in items:
        kind = each.peek("type")
        try:
            yield read(each)
        except Unexpressible as error:
            noted(error)
            yield Text(f"[Left out: {str(kind)[:_LONGEST_KIND]}]")


def told(parts: Iterable[Part], where: str) -> tuple[Text | Image | Document, ...]:
    """The parts of a tool's result; it can be no others.

    Raises:
        Unexpressible: one is.
    """
    found = []
    for part in parts:
        if not isinstance(part, Text | Image | Document):
            raise unexpressible(where)
        found.append(part)
    return tuple(found)

"""A reader's place in a stream: "after this sequence number". It is the SSE ``id``.

A cursor is a decimal integer, 0 before the first frame. An entry of the stream has the id
``<last sequence number in it>-0``, so ``XRANGE (k-0 +`` starts at the entry that holds
frame k + 1, whatever k was; the frames ≤ k of that entry are dropped by the reader.
"""

from broker.errors import BadCursor

_MAX_DIGITS = 15  # far above any stream, far below a stream id's 64 bits


def parse(text: str | None) -> int:
    """The cursor in a ``Last-Event-ID`` header or an ``after`` parameter; 0 if there is none.

    Raises:
        BadCursor: the text is not a plain decimal number.
    """
    if text is None or text == "":
        return 0
    if len(text) > _MAX_DIGITS or not (text.isascii() and text.isdigit()):
        raise BadCursor("It must be a number as sent in an event's id.", param="Last-Event-ID")
    return int(text)


def last_in(entry: bytes) -> int:
    """The sequence number of the last frame in the entry with this id."""
    return int(entry.partition(b"-")[0])


def exclusive(cursor: int) -> str:
    """The start of an XRANGE that brings everything after the cursor."""
    return f"({cursor}-0"

"""Texts that providers cut anywhere, even between the two halves of a character."""

_BLOCK = 1024  # pieces that are joined to one


def joined(text: str) -> str:
    """The text with halves of a character that met as one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def is_text(text: str) -> bool:
    """Whether it is whole characters: UTF-8 has no half ones."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Pieces:
    """A text that grows by pieces, and knows its length without being put together.

    Pieces are joined by blocks, so that a million of them take little more than their characters,
    and adding one takes the same time however long the text is.
    """

    __slots__ = ("_blocks", "_length", "_parts")

    def __init__(self, *parts: str) -> None:
        self._parts = list(parts)
        self._blocks = 0  # of the parts: those that were joined already
        self._length = sum(map(len, parts))

    def add(self, text: str) -> None:
        """Add a piece."""
        parts = self._parts
        parts.append(text)
        self._length += len(text)
        if len(parts) - self._blocks >= _BLOCK:
            parts[self._blocks :] = ["".join(parts[self._blocks :])]
            self._blocks += 1

    def __len__(self) -> int:
        return self._length

    def __str__(self) -> str:
        return "".join(self._parts)

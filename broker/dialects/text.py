"""Texts that providers cut anywhere, even between the two halves of a character."""

_LOOSE = 512  # pieces that are kept apart


class Growing:
    """A text that grows by pieces, in linear time and little more memory than its own."""

    __slots__ = ("_done", "_loose")

    def __init__(self, *pieces: str) -> None:
        self._done: list[str] = []
        self._loose = list(pieces)

    def add(self, piece: str) -> None:
        """Take one piece."""
        self._loose.append(piece)
        if len(self._loose) >= _LOOSE:
            self._done.append("".join(self._loose))
            self._loose.clear()

    def __str__(self) -> str:
        if self._done or len(self._loose) > 1:
            self._loose = ["".join((*self._done, *self._loose))]
            self._done = []
        return self._loose[0] if self._loose else ""

    def __len__(self) -> int:
        return sum(map(len, self._done)) + sum(map(len, self._loose))


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

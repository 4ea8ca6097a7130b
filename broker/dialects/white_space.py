"""White space that a partial answer ended in, and its model was not given.

The messages dialect refuses a partial answer that ends so. What the model then begins with is
likely that white space once more, and readers have it already.
"""


class WhiteSpace:
    """What was left out, as far as it was not said again yet."""

    def __init__(self, left_out: str = "") -> None:
        self._due = left_out

    @property
    def due(self) -> bool:
        """Whether any is left."""
        return bool(self._due)

    def unsaid(self, text: str) -> str:
        """The text without the white space that was delivered before."""
        same = 0
        while same < min(len(text), len(self._due)) and text[same] == self._due[same]:
            same += 1
        self._due = self._due[same:] if same == len(text) else ""
        return text[same:]

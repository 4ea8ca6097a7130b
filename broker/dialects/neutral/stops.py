"""Stop sequences, looked for in a text that comes in pieces.

The text ends before the sequence that is complete first; of those complete at one place before
the longest. So it never matters how the text is cut into pieces. What may begin a sequence is
held until it is known whether it does (Knuth, Morris and Pratt, one automaton a sequence).
"""


class Stops:
    """Looks for these sequences, none of them empty. ``tail`` was delivered before."""

    def __init__(self, stops: tuple[str, ...], tail: str = "") -> None:
        self._automata = [_Automaton(text) for text in stops]
        self._firsts = frozenset(text[0] for text in stops)
        self._held = ""
        for character in tail:
            self._step(character)

    def feed(self, text: str) -> tuple[str, str | None]:
        """The text that may be delivered now, and the sequence that it ends before, if any."""
        if not self._held and self._firsts.isdisjoint(text) and not self._open():
            return text, None
        pending = self._held + text
        for place, character in enumerate(text, len(self._held) + 1):
            if (met := self._step(character)) is not None:
                self._held = ""
                return pending[: max(0, place - len(met))], met
        # Of a sequence that began in the tail a part is delivered already.
        keep = min(self._open(), len(pending))
        self._held = pending[len(pending) - keep :]
        return pending[: len(pending) - keep], None

    def release(self) -> str:
        """What was held; no sequence goes on from here."""
        held, self._held = self._held, ""
        for each in self._automata:
            each.length = 0
        return held

    def _open(self) -> int:
        """Characters at the end of the text that may begin a sequence."""
        return max(each.length for each in self._automata)

    def _step(self, character: str) -> str | None:
        met = [each.text for each in self._automata if each.step(character)]
        return max(met, key=len, default=None)


class _Automaton:
    """One sequence; ``length`` of its characters are at the end of the text."""

    __slots__ = ("_failure", "length", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.length = 0
        self._failure = [0] * len(text)
        matched = 0
        for place in range(1, len(text)):
            while matched and text[place] != text[matched]:
                matched = self._failure[matched - 1]
            matched += text[place] == text[matched]
            self._failure[place] = matched

    def step(self, character: str) -> bool:
        """One more character; whether the sequence is complete with it."""
        length = self.length
        while length and self.text[length] != character:
            length = self._failure[length - 1]
        length += self.text[length] == character
        if length == len(self.text):
            self.length = self._failure[length - 1]
            return True
        self.length = length
        return False

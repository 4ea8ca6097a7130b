"""What a user and a tool say, in no dialect's words."""

from dataclasses import dataclass


@dataclass
class User:
    """``texts`` of the user; ``picture`` and ``file`` come with them, ``url`` is a picture's."""

    texts: list[str]
    marks: list[str]
    picture: bool = False
    file: bool = False
    url: str | None = None
    name: str | None = None


@dataclass
class Result:
    """``kind``: text, texts (several), empty (a text of nothing), none (no content), error or
    picture (beside a text)."""

    id: str
    name: str
    kind: str
    mark: str

    @property
    def text(self) -> str:
        return "" if self.kind in ("empty", "none") else f"It was {self.mark}."

    @property
    def marks(self) -> list[str]:
        return [self.mark] if self.text else []

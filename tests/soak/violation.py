"""What a check finds."""

from typing import NamedTuple

FINAL_STATES = ("completed", "failed", "cancelled")


class Violation(NamedTuple):
    """Something that PROTOCOL.md says cannot be."""

    check: str
    job: str
    text: str

    def __str__(self) -> str:
        return f"[{self.check}] {self.job}: {self.text}"

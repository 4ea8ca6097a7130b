"""Server-sent events as a client reads them, ids kept. Pure: bytes in, events out."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """One event: ``id`` is its cursor, ``retry`` the wait in seconds that it asks for."""

    data: str
    event: str = "message"
    id: int | None = None
    retry: float | None = None

    @property
    def raw(self) -> str:
        """The event's lines again, the empty one at its end included."""
        lines = [] if self.id is None else [f"id: {self.id}"]
        if self.event != "message":
            lines.append(f"event: {self.event}")
        lines += [f"data: {line}" for line in self.data.split("\n")]
        return "\n".join(lines) + "\n\n"


class EventReader:
    """Puts events together from chunks of any size. Comments are dropped."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._fields: list[tuple[str, str]] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that are whole now. A line may end in LF or CRLF."""
        self._rest += chunk
        if b"\n" not in chunk:  # a frame of many megabytes is one line in many chunks
            return
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            if text:
                name, _, value = text.partition(":")
                self._fields.append((name, value.removeprefix(" ")))
            elif self._fields:
                event = _event(self._fields)
                self._fields = []
                if event is not None:
                    yield event


def _event(fields: list[tuple[str, str]]) -> Event | None:
    """None for a block that holds nothing but comments and the like."""
    last = dict(fields)
    data = [value for name, value in fields if name == "data"]
    number, wait = last.get("id", ""), last.get("retry", "")
    if not data and "event" not in last:
        return None
    return Event(
        data="\n".join(data),
        event=last.get("event") or "message",
        id=int(number) if number.isdecimal() else None,
        retry=int(wait) / 1000 if wait.isdecimal() else None,
    )

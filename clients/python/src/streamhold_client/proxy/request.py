"""A program's request, as it was read. Pure."""

from dataclasses import dataclass, field

from streamhold_client.proxy.refusals import Refusal

Headers = list[tuple[bytes, bytes]]


@dataclass
class Request:
    """``target`` is path and query; ``path`` without the query."""

    method: bytes = b""
    target: bytes = b""
    headers: Headers = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0  # of the body so far
    version: str = "1.1"
    keeps: bool = True  # the program will use the connection again
    upgrades: bool = False
    refusal: Refusal | None = None  # it can't be passed on
    complete: bool = False

    @property
    def body(self) -> bytes:
        if len(self.pieces) > 1:
            self.pieces = [b"".join(self.pieces)]
        return self.pieces[0] if self.pieces else b""

    @property
    def path(self) -> str:
        return self.target.partition(b"?")[0].decode("latin1")

    @property
    def query(self) -> bytes:
        return self.target.partition(b"?")[2]

    def header(self, name: bytes) -> str | None:
        """The first of this name (in lower case)."""
        for own, value in self.headers:
            if own.lower() == name:
                return value.decode("latin1")
        return None

    @property
    def has_body(self) -> bool:
        """Whether its framing says that there is one, of no bytes perhaps."""
        return any(
            name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self.headers
        )

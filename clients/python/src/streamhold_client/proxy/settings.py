"""A proxy's settings, given at its start."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from streamhold_client.patient import SILENCE

PATIENCE = 300.0  # seconds; nobody else would come back for a program that knows nothing of us
MAX_BODY = 64 * 1024 * 1024  # bytes; twice what a server takes unless it is set otherwise
PING = 15.0  # seconds


class BadAddress(ValueError):
    """The broker's address can't be used."""


@dataclass(frozen=True)
class Broker:
    """Where the broker is. ``prefix`` stands before every path, without a slash at its end."""

    host: str
    port: int
    tls: bool
    prefix: str

    @property
    def authority(self) -> str:
        """Host and port as a ``Host`` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Without credentials or a query, for the log."""
        return f"http{'s' if self.tls else ''}://{self.authority}{self.prefix}"


def broker_at(url: str) -> Broker:
    """The broker at a base URL, with or without ``/v1``.

    Raises:
        BadAddress: it is no http(s) URL, or has credentials or a query.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadAddress(f"not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAddress("it begins with http:// or https:// and a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadAddress("no credentials, query or fragment go into it; calls bring their own key")
    if not parts.path.isascii() or any(c.isspace() for c in parts.path):
        raise BadAddress("its path is not plain ASCII")
    tls = parts.scheme == "https"
    prefix = parts.path.rstrip("/").removesuffix("/v1")
    return Broker(parts.hostname, port or (443 if tls else 80), tls, prefix)


@dataclass(frozen=True)
class Settings:
    """Times in seconds, sizes in bytes.

    Attributes:
        patience: how long one call bears being without the broker, until its stream moves on.
        silence: how long a stream may send nothing before its connection counts as lost.
        ping: how often a stream whose broker is away gets a comment, so that its program stays.
        on_leave: what becomes of a job whose program leaves before its end.
        join: how long a call that was left may be met by an equal one without a key; 0 is never.
        drain: how long open calls may go on after SIGTERM.
        hosts: names that ``Host`` may have beside those of loopback.
    """

    broker: Broker
    host: str = "127.0.0.1"
    port: int = 8081
    patience: float = PATIENCE
    silence: float = SILENCE
    ping: float = PING
    on_leave: Literal["continue", "cancel"] = "continue"
    join: float = 0.0
    max_body: int = MAX_BODY
    drain: float = 10.0
    hosts: frozenset[str] = frozenset()

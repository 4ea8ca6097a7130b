"""Requests and answers as they are passed on. Pure."""

from collections.abc import Iterable
from http import HTTPStatus

from streamhold_client.proxy.request import Headers

# RFC 9110, 7.6.1: of one connection only. ``expect`` is answered here, ``host`` is the broker's.
_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
_OURS = frozenset((b"host", b"content-length", b"expect", b"via"))
_KEPT = frozenset((b"authorization", b"x-api-key", b"content-type", b"idempotency-key"))
_RETRY = b"x-should-retry"


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Without what is of one connection: the known headers, and those ``Connection`` names."""
    headers = list(headers)
    named = {
        word.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for word in value.split(b",")
    }
    dropped = _HOP | (named - _KEPT)
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def asked(
    method: bytes,
    target: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    more: dict[bytes, bytes],
    size: int | None,
) -> bytes:
    """A request's head for the broker.

    Args:
        headers: the program's own, end to end.
        more: what stands in their place.
        size: of the body in bytes; None where there is none.
    """
    lines = [b"%b %b HTTP/1.1\r\n" % (method, target)]
    if size is not None:
        more = {**more, b"content-length": b"%d" % size}
    for name, value in headers:
        lower = name.lower()
        if lower not in more and lower not in _OURS:
            lines.append(b"%b: %b\r\n" % (name, value))
    lines += [b"%b: %b\r\n" % pair for pair in more.items()]
    lines.append(b"\r\n")
    return b"".join(lines)


def answered(
    status: int,
    headers: Iterable[tuple[bytes, bytes]],
    framing: bytes,
    *,
    retries: bool,
) -> bytes:
    """An answer's head for the program. ``framing`` are the lines that say where its body ends.

    With ``retries`` the server's word that the same call would fail the same way is left out.
    """
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, reason(status))]
    for name, value in end_to_end(headers):
        lower = name.lower()
        if lower != b"content-length" and not (retries and lower == _RETRY):
            lines.append(b"%b: %b\r\n" % (name, value))
    lines += [framing, b"\r\n"]
    return b"".join(lines)


def reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""

"""A request to the byte, and a command that repeats it."""

from dataclasses import dataclass
from urllib.parse import unquote

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Request:
    """What is to be sent.

    ``raw`` stands in place of everything else. ``chunks`` cuts the body into chunks of such
    sizes, in turn, and no length is declared. ``cut`` ends the connection after so many bytes;
    then half of it stays open for the answer, unless it is ``abrupt``. With ``legal`` false
    the HTTP server may refuse it before the application is asked. ``never`` are statuses that
    would tell of another account's job.
    """

    generator: str
    method: bytes = b"GET"
    target: bytes = b"/"
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    raw: bytes | None = None
    chunks: tuple[int, ...] = ()
    cut: int | None = None
    abrupt: bool = False
    legal: bool = True
    never: frozenset[int] = frozenset()

    @property
    def path(self) -> str:
        """The path as the application sees it."""
        return unquote(self.target.partition(b"?")[0].decode("latin1"))

    def has(self, name: bytes) -> bool:
        return any(given.lower() == name for given, _ in self.headers)

    def render(self, host: str) -> bytes:
        """The bytes that go out."""
        sent = self._whole(host)
        return sent if self.cut is None else sent[: self.cut]

    def _whole(self, host: str) -> bytes:
        if self.raw is not None:
            return self.raw
        headers = list(self.headers)
        if not self.has(b"host"):
            headers.insert(0, (b"host", host.encode()))
        body = self.body
        if self.chunks:
            headers.append((b"transfer-encoding", b"chunked"))
            body = _chunked(body, self.chunks)
        elif (body or self.method == b"POST") and not self.has(b"content-length"):
            headers.append((b"content-length", b"%d" % len(body)))
        headers.append((b"connection", b"close"))
        head = b"".join(b"%b: %b\r\n" % header for header in headers)
        return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (self.method, self.target, head, body)

    def reproduction(self, url: str) -> str:
        """A line of bash that sends it again; a cut connection needs ``nc``."""
        host = url.removeprefix("http://")
        sent = self.render(host)
        plain = self.raw is None and self.cut is None and not self.chunks and self.legal
        if not plain or b"\0" in sent:  # no word of bash can hold a NUL
            name, _, port = host.rpartition(":")
            return f"printf {_quote(sent, printf=True)} | nc -N {name} {port}"
        words = ["curl -isS --max-time 5 --path-as-is -X", _quote(self.method)]
        words += [f"-H {_quote(b'%b: %b' % header)}" for header in self.headers]
        if self.body:
            words.append(f"--data-binary {_quote(self.body)}")
        return " ".join([*words, _quote(url.encode() + self.target)])


def _chunked(body: bytes, sizes: tuple[int, ...]) -> bytes:
    parts, place, turn = [], 0, 0
    while place < len(body):
        part = body[place : place + sizes[turn % len(sizes)]]
        parts.append(b"%x\r\n%b\r\n" % (len(part), part))
        place, turn = place + len(part), turn + 1
    return b"".join([*parts, b"0\r\n\r\n"])


def _quote(data: bytes, *, printf: bool = False) -> str:
    """A word for bash, or a format for its ``printf``."""
    special = b"\\'%" if printf else b"\\'"
    plain = "".join(chr(c) if 32 <= c < 127 and c not in special else f"\\{c:03o}" for c in data)
    return f"'{plain}'" if printf else f"$'{plain}'"

"""One HTTP/1.1 response, read incrementally: bytes as they arrive in, bytes of the body out.

As little as a load client needs, and as fast: a body with a length or in chunks (extensions
skipped, no trailers), and nothing else. A response is not done until its body has ended in
the way that its head announced, so a connection that is cut is told from a clean end.
"""

_LINE = b"\r\n"
_BLANK = b"\r\n\r\n"


class ResponseError(ValueError):
    """The response is not one that this client can read."""


class Response:
    """The state of one response. ``rest`` is what came after its end."""

    __slots__ = ("_chunked", "_held", "_left", "_separated", "done", "headers", "rest", "status")

    def __init__(self) -> None:
        self.status = 0  # until the head is read
        self.headers: dict[bytes, bytes] = {}
        self.done = False
        self.rest = b""
        self._chunked = False
        self._left = 0  # bytes of the body, or of the chunk, still to come
        self._separated = True  # whether the line end after the last chunk was read
        self._held = b""  # an unfinished head or chunk-size line

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body that these bytes hold.

        Raises:
            ResponseError: the head or a chunk's size can't be read.
        """
        if self._held:
            data, self._held = self._held + data, b""
        place = 0
        if not self.status:
            end = data.find(_BLANK)
            if end < 0:
                self._held = data
                return b""
            self._read_head(data[:end])
            place = end + len(_BLANK)
        if self._chunked:
            return self._read_chunks(data, place)
        body = data[place : place + self._left]
        self._left -= len(body)
        if not self._left:
            self._end(data[place + len(body) :])
        return body

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.split(_LINE)
        version, _, status = first.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not status[:3].isdigit():
            raise ResponseError(f"no HTTP/1 response: {first[:80]!r}")
        for line in lines:
            name, _, value = line.partition(b":")
            self.headers[name.strip().lower()] = value.strip()
        self._chunked = self.headers.get(b"transfer-encoding", b"").lower() == b"chunked"
        self._left = 0 if self._chunked else int(self.headers.get(b"content-length", b"0"))
        self.status = int(status[:3])

    def _read_chunks(self, data: bytes, place: int) -> bytes:
        pieces: list[bytes] = []
        while True:
            if self._left:
                piece = data[place : place + self._left]
                self._left -= len(piece)
                place += len(piece)
                pieces.append(piece)
                if self._left:
                    break
                self._separated = False
            start = place if self._separated else place + len(_LINE)
            end = data.find(_LINE, start)
            if end < 0:
                self._held = data[place:]
                break
            size = _size(data[start:end])
            if size:
                self._left, self._separated, place = size, True, end + len(_LINE)
                continue
            if len(data) < end + len(_BLANK):
                self._held = data[place:]
            else:
                self._end(data[end + len(_BLANK) :])
            break
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _end(self, rest: bytes) -> None:
        self.done = True
        self.rest = rest


def _size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        raise ResponseError(f"no chunk size: {line[:80]!r}") from None

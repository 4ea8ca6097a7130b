"""A provider that refuses everything, with the status and the body that a test has for a model."""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Refusal(NamedTuple):
    status: int
    body: Any  # as JSON; bytes as they are

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Refuser:
    """The server, in a thread of its own. It is asked in any dialect; the model's name says what it
    answers. ``calls`` counts by model.
    """

    def __init__(self, refusals: Mapping[str, Refusal]) -> None:
        self.calls: Counter[str] = Counter()
        refuser = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                last = self.path.rsplit("/", 1)[1].split(":")[0]  # Gemini's model is in the path
                model = body.get("model", last)
                refuser.calls[model] += 1
                refusal = refusals[model]
                kind = "text/html" if isinstance(refusal.body, bytes) else "application/json"
                self.send_response(refusal.status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(refusal.data)))
                self.end_headers()
                self.wfile.write(refusal.data)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

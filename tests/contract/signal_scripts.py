"""Scripts of the tests of signals, by the models that they answer for, and what runs on them."""

import json
import time
from email.utils import formatdate

from tests.contract.stage import ANSWERS, TEXT, WHOLE, Asked, Script, head, response

DIALECTS = ("chat", "responses", "messages", "gemini")
LABELS = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "bytes": "application/octet-stream",
    "lines": "application/x-ndjson",
    "garbage": "stream",
    "none": None,
}


def limited(*lines: str) -> Script:
    def script(asked: Asked) -> None:
        asked.json({"error": {"message": "Too many.", "type": "x"}}, "429 Too Many", *lines)

    return script


def date(asked: Asked) -> None:
    limited(f"Retry-After: {formatdate(time.time() + 3600, usegmt=True)}")(asked)


def soon(asked: Asked) -> None:
    if asked.count == 1:
        limited("Retry-After-Ms: 300", "Retry-After: 600")(asked)
    else:
        asked.answer()


def labelled(kind: str | None, lead: bytes = b"") -> Script:
    def script(asked: Asked) -> None:
        first, rest = ANSWERS[asked.dialect]
        lines = () if kind is None else (f"Content-Type: {kind}",)
        asked.send(head("200 OK", *lines) + lead + first)
        asked.stage.go[asked.prompt].wait(10)  # it is streamed as it comes
        asked.send(rest)

    return script


def page(kind: str | None) -> Script:
    def script(asked: Asked) -> None:
        lines = () if kind is None else (f"Content-Type: {kind}",)
        asked.send(head("200 OK", *lines) + b"<!doctype html><html>Sign in</html>")

    return script


def object_as(kind: str | None) -> Script:
    def script(asked: Asked) -> None:
        body = json.dumps(WHOLE[asked.dialect]).encode()
        lines = () if kind is None else (f"Content-Type: {kind}",)
        asked.send(head("200 OK", *lines, length=len(body)) + body)

    return script


def processing(comment: bytes, times: int = 14) -> Script:
    """It is busy for longer than its watchdogs would wait, before its first word and after it."""

    def script(asked: Asked) -> None:
        first, rest = ANSWERS[asked.dialect]
        asked.send(head("200 OK", "Content-Type: text/event-stream"))
        for part in (first, rest):
            for _ in range(times):
                asked.send(comment)
                time.sleep(0.1)
            asked.send(part)

    return script


def closes_kept(sent: bytes) -> Script:
    """It answers one call of each connection, and ends the connection on the next."""

    def script(asked: Asked) -> None:
        if asked.place == 1:
            asked.answer(keep=True)
        else:
            asked.send(sent)

    return script


def old(asked: Asked) -> None:
    """A response that goes on by itself: its reader is cut off."""
    first = ANSWERS["responses"][0].replace(b"resp_theirs", asked.prompt.encode())
    asked.send(head("200 OK", "Content-Type: text/event-stream") + first)


def pending(asked: Asked) -> None:
    """A response that goes on by itself: it is told as it stands."""
    asked.json(response("queued", ident=asked.prompt))


def retrieved(asked: Asked) -> None:
    if "stream=true" in asked.path and "object" not in asked.prompt:
        message = "Response cannot be streamed because it is older than 5 minutes."
        asked.json({"error": {"message": message, "type": "x"}}, "400 Bad Request")
    elif sum("stream=true" not in each.path for each in asked.stage.calls[asked.prompt]) < 4:
        asked.json(response("in_progress", ident=asked.prompt))
    else:
        asked.json(response("completed", TEXT, ident=asked.prompt))


SCRIPTS: dict[str, Script] = {
    "later": limited("Retry-After: 3600"),
    "later-ms": limited("retry-after-ms: 3600000", "Retry-After: 1"),
    "later-date": date,
    "soon": soon,
    "good": lambda asked: asked.answer(),
    "page": page("text/html"),
    "page-text": page("text/plain"),
    "page-none": page(None),
    "object-none": object_as(None),
    "object-text": object_as("text/plain"),
    "object-events": object_as("text/event-stream"),
    "busy": processing(b": processing\n\n"),
    "busy-lines": processing(b"\r\n"),
    "busy-bare": processing(b":\n"),
    "busy-named": processing(b"event: keepalive\nid: 1\n\n"),
    "busy-forever": processing(b": processing\n\n", 60),
    "kept": closes_kept(b""),
    "kept-begun": closes_kept(b"HTTP/1.1 200"),
    "old": old,
    "pending": pending,
    "retrieved": retrieved,
    **{f"as-{name}": labelled(kind) for name, kind in LABELS.items()},
    "as-late": labelled("application/json", b"\xef\xbb\xbf\n: hello\n\n"),
}
WATCHED = "first_token = 0.6\nidle = 0.6\ntotal = 4.0"
CONFIG = (
    """
[worker]
backoff = 0.01
[breaker]
least_calls = 14
failure_ratio = 0.3
[routes.elsewhere]
targets = ["chat/later", "messages/good"]
retries = 2
"""
    + "".join(
        f"""
[providers.{name}]
base_url = "STAGE{"/v1beta" if name == "gemini" else "/v1"}"
dialect = "{name}"
{WATCHED}
"""
        for name in DIALECTS
    )
    + """
[providers.voice]
base_url = "STAGE/v1"
dialect = "responses"
resumes = true
"""
)

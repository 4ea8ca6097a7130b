"""Calls of every surface to every provider, as attackers make them."""

import json
import random
from typing import Any

from tests.neighbours.attacks.strike import JSON, Ask, Body, Fields, Piece

SURFACES = ("chat", "messages", "responses", "jobs")
DIALECTS = ("chat", "messages", "responses")  # that callers may speak
PROVIDERS = ("sim", "sim-messages", "sim-responses", "sim-gemini")
ACCOUNTS = 3
LIMIT = 32 * 1024 * 1024  # server.max_body
PATHS = {
    "chat": b"/v1/chat/completions",
    "messages": b"/v1/messages",
    "responses": b"/v1/responses",
    "jobs": b"/v1/jobs",
}


def request(dialect: str, model: str, text: str, **more: Any) -> dict[str, Any]:
    """A small request of this dialect."""
    said = [{"role": "user", "content": text}]
    if dialect == "messages":
        return {"model": model, "max_tokens": 2_000_000, "messages": said, **more}
    if dialect == "responses":
        return {"model": model, "input": text, **more}
    return {"model": model, "messages": said, **more}


def small(value: Any) -> Body:
    """A body of this JSON."""
    return Body((Piece(json.dumps(value).encode()),))


def name(drawn: random.Random) -> str:
    """A request id of one's own."""
    return f"attack-{drawn.getrandbits(60):x}"


def call(
    drawn: random.Random,
    model: str,
    surface: str | None = None,
    *,
    stream: bool = True,
    fields: Fields = (),
    job: str | None = None,
    **how: Any,
) -> Ask:
    """A call of a model on a surface, or any; ``how`` are fields of ``Ask``."""
    surface = surface or drawn.choice(SURFACES)
    how.setdefault("account", drawn.randrange(ACCOUNTS))
    if surface == "jobs":
        dialect = drawn.choice(DIALECTS)
        told: dict[str, Any] = {"dialect": dialect, "request": request(dialect, model, "attack")}
        if job is not None:
            told["request_id"] = job
    else:
        told = request(surface, model, "attack", stream=stream)
        if job is not None:
            fields = (*fields, (b"idempotency-key", job.encode()))
    return Ask(b"POST", PATHS[surface], (*JSON, *fields), small(told), **how)

"""What a careful reader of a dialect would say of some bytes: whether the answer ended in them.

Written from the public descriptions, and with nothing of the broker's in it. It errs to one
side only: an answer that has not ended by this must not count as complete.
"""

import json
from typing import Any

from tests.recorded.reading import Event, events_of

_ENDS = ("response.completed", "response.incomplete")


def may_be_whole(dialect: str, body: bytes) -> bool:
    """Whether there is an end, and neither an error nor what is no JSON before the first one."""
    for event in _readable(body):
        if event.data == b"[DONE]":
            if dialect == "chat":
                return True
            if dialect == "responses":
                continue
            return False
        if dialect == "messages" and event.name == "ping":
            continue
        try:
            value = json.loads(event.data.decode(), parse_int=str)
        except (ValueError, RecursionError):
            return False
        if not isinstance(value, dict) or _is_error(dialect, event, value):
            return False
        if _ends(dialect, event, value):
            return True
    return False


def _readable(body: bytes) -> list[Event]:
    return [event for event in events_of(body) if not event.data.isspace()]


def _is_error(dialect: str, event: Event, value: dict[str, Any]) -> bool:
    named = dialect != "gemini" and event.name == "error" and dialect != "responses"
    bare = dialect in ("chat", "gemini") and value.get("error") is not None
    return named or bare or (dialect in ("messages", "responses") and value.get("type") == "error")


def _ends(dialect: str, event: Event, value: dict[str, Any]) -> bool:
    if dialect == "messages":
        delta = value.get("delta")
        reason = isinstance(delta, dict) and delta.get("stop_reason")
        return value.get("type") == "message_stop" or bool(reason)
    if dialect == "responses":
        return (value.get("type") or event.name) in _ENDS
    many = value.get("choices" if dialect == "chat" else "candidates")
    reason = "finish_reason" if dialect == "chat" else "finishReason"
    found = many if isinstance(many, list) else []
    if any(isinstance(each, dict) and each.get(reason) for each in found):
        return True
    blocked = value.get("promptFeedback")
    return dialect == "gemini" and isinstance(blocked, dict) and bool(blocked.get("blockReason"))

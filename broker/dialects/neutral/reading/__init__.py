"""Reading: requests and answers of each dialect, into neutral words."""

from broker.dialects.neutral.reading import (
    chat_events,
    chat_request,
    gemini_events,
    messages_events,
    messages_request,
    responses_events,
    responses_request,
)

__all__ = [
    "chat_events",
    "chat_request",
    "gemini_events",
    "messages_events",
    "messages_request",
    "responses_events",
    "responses_request",
]

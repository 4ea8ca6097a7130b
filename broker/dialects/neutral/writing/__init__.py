"""Writing: neutral requests and answers, in the words of each dialect."""

from broker.dialects.neutral.writing import (
    chat_events,
    chat_request,
    gemini_request,
    messages_events,
    messages_request,
    responses_events,
    responses_request,
)

__all__ = [
    "chat_events",
    "chat_request",
    "gemini_request",
    "messages_events",
    "messages_request",
    "responses_events",
    "responses_request",
]

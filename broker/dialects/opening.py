"""Frames that open an answer: they say who speaks and that something begins, but none of it.

Nobody waits for one of them by itself, so it may go out with the first that says something.
What is not known for certain to be one is none.
"""

import re

_CHAT = re.compile(
    rb'"delta":\s*\{\s*"role":\s*"\w+"\s*(?:,\s*"\w+":\s*(?:""|null)\s*)*\}'
    rb'[^{}\[\]]*"finish_reason":\s*null'
)
_MESSAGES = (b"event: message_start\n",)
_RESPONSES = (
    b"event: response.created\n",
    b"event: response.queued\n",
    b"event: response.in_progress\n",
    b"event: response.content_part.added\n",
)


def opens_chat(body: bytes) -> bool:
    """Whether a frame of one choice tells its role alone."""
    return b'"role"' in body and body.count(b'"delta"') == 1 and _CHAT.search(body) is not None


def opens_messages(body: bytes) -> bool:
    """Whether a frame begins a message, or a text in it that is empty so far."""
    if body.startswith(b"event: content_block_start\n"):
        return b'"text":""' in body
    return body.startswith(_MESSAGES)


def opens_responses(body: bytes) -> bool:
    """Whether a frame begins a response, a message in it, or a part of that."""
    if body.startswith(b"event: response.output_item.added\n"):
        return b'"type":"message"' in body
    return body.startswith(_RESPONSES)

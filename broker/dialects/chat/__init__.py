"""The chat dialect: OpenAI's ``/chat/completions``.

``request`` checks what is asked, ``view`` renders a stream, ``fold`` makes the whole answer
of it, ``errors`` gives failures their shape, ``wire`` reads and writes the JSON.
"""

from broker.dialects.chat.errors import error_body, failure_error
from broker.dialects.chat.fold import fold
from broker.dialects.chat.request import check
from broker.dialects.chat.view import ChatView
from broker.dialects.chat.wire import encode

__all__ = ["ChatView", "check", "encode", "error_body", "failure_error", "fold"]

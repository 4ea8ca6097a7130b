"""The chat dialect: OpenAI's ``/chat/completions``.

``request`` checks what is asked, ``view`` renders a stream, ``fold`` makes the whole answer
of it, ``transcript`` says where a lost answer stands and ``joint`` how another attempt goes
on from there (``owed`` what a replay has to say again), ``usage`` estimates what attempts cost,
``tools`` knows where a tool call begins, ``errors`` gives failures their shape; ``dialect``
is all of it as one value.
"""

from broker.dialects.chat.errors import error_body, failure_error
from broker.dialects.chat.fold import fold
from broker.dialects.chat.joint import Joint
from broker.dialects.chat.request import check
from broker.dialects.chat.transcript import Transcript
from broker.dialects.chat.view import ChatView, whole_chunk
from broker.dialects.dialect import Diverged
from broker.dialects.wire import decode_object, encode

__all__ = [
    "ChatView",
    "Diverged",
    "Joint",
    "Transcript",
    "check",
    "decode_object",
    "encode",
    "error_body",
    "failure_error",
    "fold",
    "whole_chunk",
]

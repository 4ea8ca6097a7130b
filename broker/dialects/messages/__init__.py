"""The messages dialect: Anthropic's ``/messages``.

``request`` checks what is asked, ``view`` renders a stream, ``message`` gathers what events
say, ``fold`` makes the whole message of it, ``transcript`` says where a lost message stands
and ``joint`` how another attempt goes on from there (``continuation`` or ``repetition``),
``usage`` estimates what attempts cost, ``tools`` knows where a tool call begins, ``errors``
gives failures their shape; ``dialect`` is all of it as one value.
"""

from broker.dialects.messages.errors import error, failure_error
from broker.dialects.messages.fold import fold
from broker.dialects.messages.joint import Joint
from broker.dialects.messages.request import check
from broker.dialects.messages.transcript import Transcript
from broker.dialects.messages.view import MessagesView

__all__ = [
    "Joint",
    "MessagesView",
    "Transcript",
    "check",
    "error",
    "failure_error",
    "fold",
]

"""The responses dialect: OpenAI's ``/responses``.

Two things of it are the broker's own. It mints a response's **id**
(``broker.store.response_ids``), since a background call is answered before any provider is; and
it numbers the events: ``sequence_number`` is the stream's (``event``). Both are settled where an
event comes in (``inbound``): a stored frame has the broker's ids, and no number, which the view
puts in front of it. All else goes through as it came.

``request`` checks what is asked, ``view`` renders a stream, ``fold`` makes the whole answer of
it, or what there is of it so far (``gathered``), ``transcript`` says where a lost answer stands
and ``joint`` how another attempt goes on from there, ``usage`` estimates what an attempt cost,
``resource`` is a response as it is retrieved, ``told`` tells a whole answer as events.
"""

from broker.dialects.responses.fold import fold
from broker.dialects.responses.inbound import Inbound
from broker.dialects.responses.joint import Joint
from broker.dialects.responses.request import check
from broker.dialects.responses.transcript import Transcript
from broker.dialects.responses.view import ResponsesView

__all__ = [
    "Inbound",
    "Joint",
    "ResponsesView",
    "Transcript",
    "check",
    "fold",
]

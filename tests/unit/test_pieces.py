"""Large bodies go out in pieces, in order; small ones and heads as they are."""

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from broker.api.line import PIECE
from broker.api.pieces import Pieces


class Sent:
    """What a server gets; it closes the connection after so many messages."""

    def __init__(self, most: int = 1000) -> None:
        self.messages: list[Message] = []
        self._most = most
        self.transport = SimpleNamespace(is_closing=self._full)

    def _full(self) -> bool:
        return len(self.messages) >= self._most

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)


async def receive() -> Message:
    raise AssertionError("nothing is received")


async def through(sent: Sent, *messages: Message, **scope: Any) -> list[Message]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    await Pieces(app)({"type": "http", **scope}, receive, sent)
    return sent.messages


HEAD = {"type": "http.response.start", "status": 200, "headers": []}


def body(data: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def test_what_is_small_goes_as_it_is() -> None:
    messages = [HEAD, body(b"x" * PIECE, more=True), {"type": "http.response.body"}]
    found = await through(Sent(), *messages)
    assert all(a is b for a, b in zip(found, messages, strict=True))


@pytest.mark.parametrize("more", [False, True])
async def test_what_is_large_goes_in_pieces(more: bool) -> None:
    data = bytes(range(256)) * (PIECE * 3 // 256) + b"end"
    _, *found = await through(Sent(), HEAD, body(data, more=more))
    assert b"".join(each["body"] for each in found) == data
    assert max(len(each["body"]) for each in found) == PIECE
    assert [each["more_body"] for each in found] == [True] * 4 + [False] * (not more)


async def test_nothing_is_sent_to_a_client_that_has_left() -> None:
    sent = Sent(most=2)
    found = await through(sent, HEAD, body(b"x" * PIECE * 10, more=False), outlet=sent)
    assert len(found) == 2


async def test_what_is_no_request_is_passed_on() -> None:
    passed: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(send)

    sent = Sent()
    await Pieces(app)({"type": "lifespan"}, receive, sent)
    assert passed == [sent]

"""Every check of the fuzz can fail: answers made by hand, each wrong in one way."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from broker.api.openapi import describe
from broker.model import job_key
from tests.fuzz.aftermath import Key, left_keys, log_faults
from tests.fuzz.campaign import is_accepted
from tests.fuzz.checks import Exchange, faults_of
from tests.fuzz.contract import Contract
from tests.fuzz.drawing import draw, shares
from tests.fuzz.garbage import garbage
from tests.fuzz.request import Request
from tests.fuzz.scene import INTRUDER
from tests.fuzz.wire import Answer, parse

CONTRACT = Contract(msgspec.json.decode(msgspec.json.encode(describe())))
SECRET = b"the-victims-secret"
STAMP = ("x-request-id", "req_1")
PROBLEM = {"type": "urn:x", "title": "t", "status": 404, "detail": "d", "code": "job_not_found"}
CHAT = {"message": "m", "type": "invalid_request_error", "param": None, "code": "c"}
JOB = Request("here", b"GET", b"/v1/jobs/a")
CALL = Request("here", b"POST", b"/v1/chat/completions", body=b"{}")


def answer(status: int, value: Any, media: str, *headers: tuple[str, str]) -> Answer:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    given = (("content-type", media), STAMP, *headers)
    return Answer(status, given, body, True, repr(given).encode() + body)


def problem(status: int = 404, **more: Any) -> Answer:
    return answer(status, {**PROBLEM, "status": status, **more}, "application/problem+json")


def chat_error(status: int, **more: Any) -> Answer:
    return answer(status, {"error": {**CHAT, **more}}, "application/json")


def wrong(request: Request, found: Answer) -> list[str]:
    """The checks that fail."""
    faults = faults_of(Exchange(request, found, CONTRACT, [SECRET]))
    return sorted({fault.partition(":")[0] for fault in faults})


FINE = {
    "a 404": (JOB, problem()),
    "a refusal in chat": (CALL, chat_error(400)),
    "a provider's failure": (CALL, chat_error(502, type="provider_cut")),
    "not now": (
        CALL,
        answer(503, {"error": CHAT}, "application/json", ("retry-after", "1")),
    ),
    "a wrong method": (replace(JOB, method=b"PUT"), problem(405)),
    "no path": (replace(JOB, target=b"/x"), chat_error(404)),
    "a head": (replace(JOB, method=b"HEAD"), replace(problem(), body=b"")),
    "refused by the server": (replace(JOB, legal=False), problem(501)),
    "refused without a path": (replace(CALL, legal=False), problem(400)),
    "left": (replace(JOB, cut=3), Answer()),
    "what was sent": (replace(JOB, target=b"/v1/jobs/" + SECRET), problem(detail=SECRET.decode())),
}


@pytest.mark.parametrize("what", FINE)
def test_nothing_is_wrong(what: str) -> None:
    assert wrong(*FINE[what]) == []


STREAM = Request("here", b"GET", b"/v1/jobs/a/events")
BAD = {
    "a leak in a body": (JOB, problem(detail=SECRET.decode()), ["no_leak"]),
    "a leak in a header": (
        JOB,
        replace(problem(), received=b"x: " + SECRET),
        ["no_leak"],
    ),
    "a made-up header": (
        JOB,
        answer(404, PROBLEM, "application/problem+json", ("set-cookie", "x")),
        ["no_splitting"],
    ),
    "broken off": (JOB, replace(problem(), whole=False), ["answered"]),
    "no request id": (
        JOB,
        replace(problem(), headers=(("content-type", "application/problem+json"),)),
        ["stamped"],
    ),
    "two request ids": (
        JOB,
        answer(404, PROBLEM, "application/problem+json", STAMP),
        ["stamped"],
    ),
    "a defect": (CALL, chat_error(500, type="internal_error"), ["as_described", "no_defect"]),
    "a 503 that does not say when": (CALL, chat_error(503), ["no_defect"]),
    "a 502 of nobody's": (CALL, chat_error(502), ["no_defect"]),
    "chat with problem details": (
        CALL,
        answer(400, {**PROBLEM, "status": 400}, "application/problem+json"),
        ["as_described", "in_the_surfaces_shape"],
    ),
    "a job with a chat error": (
        JOB,
        chat_error(404),
        ["as_described", "in_the_surfaces_shape"],
    ),
    "another status within": (JOB, replace(problem(400), status=404), ["in_the_surfaces_shape"]),
    "an unknown status": (JOB, problem(418), ["as_described"]),
    "a schema that is not kept": (JOB, answer(200, {"a": 1}, "application/json"), ["as_described"]),
    "an operation that is not described": (
        replace(JOB, target=b"/x"),
        chat_error(410),
        ["as_described"],
    ),
    "a 404 for a wrong method": (replace(JOB, method=b"PUT"), problem(), ["as_described"]),
    "an event without an id": (
        STREAM,
        answer(200, b"data: 1\n\n", "text/event-stream"),
        ["events_in_order"],
    ),
    "ids that fall": (
        STREAM,
        answer(200, b"id: 2\ndata: 1\n\nid: 1\ndata: 1\n\n", "text/event-stream"),
        ["events_in_order"],
    ),
    "a name that is there": (
        replace(JOB, never=frozenset((410,))),
        problem(410),
        ["tells_nothing"],
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_a_check_fails(what: str) -> None:
    request, found, checks = BAD[what]
    assert wrong(request, found) == checks


def test_no_answer_is_wrong() -> None:
    assert "answered" in wrong(JOB, Answer())


def test_what_was_accepted() -> None:
    def accepted(found: Answer) -> bool:
        return is_accepted(Exchange(CALL, found, CONTRACT))

    assert accepted(answer(200, {"choices": []}, "application/json"))
    assert accepted(chat_error(502, type="provider_cut"))
    assert accepted(chat_error(400, provider_status=400))
    assert not accepted(chat_error(400))


# ── Afterwards ─────────────────────────────────────────────────────────────────────────

OURS = job_key(INTRUDER, "mine")
DONE = {"state": "completed", "request_id": "mine", "account": INTRUDER}


def left(key: Key) -> list[str]:
    return list(left_keys([key], set(), ["mine"]))


def test_what_may_be_left() -> None:
    assert left(Key("job:1", "job", OURS, True, DONE)) == []
    assert left(Key("job:1", "job", OURS, False, {**DONE, "state": "running"})) == []
    assert left(Key("job:1", "job", "other", True, {**DONE, "request_id": "cut-7"})) == []
    assert left(Key("body:1", "body", OURS, True, {**DONE, "keep": "1"})) == []


@pytest.mark.parametrize(
    "key",
    [
        Key("job:1", "job", "other", True, {**DONE, "request_id": "refused"}),
        Key("job:1", "job", OURS, False, DONE),
        Key("stream:1", "stream", OURS, True, {}),
        Key("body:1", "body", OURS, True, DONE),
    ],
    ids=["never accepted", "no expiry", "no record", "a body kept"],
)
def test_what_may_not_be_left(key: Key) -> None:
    assert left(key)


def test_what_may_not_be_in_a_log() -> None:
    fine = '{"level":"warning","event":"call.refused"}\nSaid at the start\n'
    assert list(log_faults(fine, ["a-key"])) == []
    assert list(log_faults('{"level":"error","event":"call.defect"}', []))
    assert list(log_faults("Traceback (most recent call last):", []))
    assert list(log_faults('{"level":"info","path":"/a-key"}', ["a-key"]))


# ── Requests ───────────────────────────────────────────────────────────────────────────


def test_a_request_to_the_byte() -> None:
    plain = replace(CALL, headers=((b"a", b"1"), (b"a", b"2")))
    assert plain.render("h") == (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\na: 1\r\na: 2\r\n"
        b"content-length: 2\r\nconnection: close\r\n\r\n{}"
    )
    assert replace(CALL, chunks=(1,)).render("h").endswith(b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
    assert replace(CALL, cut=4).render("h") == b"POST"
    assert replace(CALL, raw=b"x").render("h") == b"x"


def test_a_reproduction() -> None:
    plain = replace(CALL, headers=((b"a", b"it's"),)).reproduction("http://h:1")
    assert plain.startswith("curl ")
    assert "-H $'a: it\\047s' --data-binary $'{}' $'http://h:1/v1/chat/completions'" in plain
    assert replace(CALL, raw=b"a%\x00").reproduction("http://h:1") == (
        "printf 'a\\045\\000' | nc -N h 1"
    )


def test_an_answer_as_it_came() -> None:
    head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\nA: b\r\n\r\n"
    whole = parse(b"GET", head + b"{}")
    assert (whole.status, whole.body, whole.whole, whole.header("a")) == (200, b"{}", True, "b")
    assert not parse(b"GET", head + b"{").whole
    assert parse(b"HEAD", head).whole
    assert parse(b"GET", b"nonsense\r\n\r\n").status == 0


def test_the_same_seed_draws_the_same() -> None:
    assert draw(garbage(), 30, 7) == draw(garbage(), 30, 7)
    assert draw(garbage(), 30, 7) != draw(garbage(), 30, 8)
    assert sum(shares(101, [3, 2, 2])) == 101

"""``submit`` and ``tail`` as a user sees them: what is on stdout, on stderr, and the status."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from broker.cli import stream
from broker.cli.client import ApiError
from broker.cli.events import Event

CHUNKS = [
    Event('{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}', id=1),
    Event('{"choices": [{"index": 0, "delta": {"content": "Hel"}}]}', id=2),
    Event('{"attempt": 1}', "attempt", 3),
    Event('{"choices": [{"index": 1, "delta": {"content": "other"}}]}', id=4),
    Event('{"choices": [{"index": 0, "delta": {"content": "lo"}}]}', id=5),
]
COMPLETED = Event('{"state": "completed"}', "end", 9)


class FakeClient:
    """Follows ``events``; what is an exception is raised in its place."""

    events: list[Event | BaseException]
    submitted: list[dict[str, Any]]
    after: list[int]

    def __init__(self, api: str, key: str | None, on_cut: object) -> None: ...

    async def __aenter__(self) -> "FakeClient":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def call(self, method: str, path: str) -> Any:
        return {"data": [{"id": "first"}, {"id": "second"}]}

    async def submit(self, body: dict[str, Any]) -> Any:
        self.submitted.append(body)
        return body

    async def follow(self, request_id: str, after: int) -> AsyncIterator[Event]:
        self.after.append(after)
        for event in self.events:
            if isinstance(event, BaseException):
                raise event
            yield event


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> type[FakeClient]:
    FakeClient.events, FakeClient.submitted, FakeClient.after = [*CHUNKS, COMPLETED], [], []
    monkeypatch.setattr(stream, "Client", FakeClient)
    return FakeClient


def submit(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(stream.submit, list(words), input=stdin)


def tail(*words: str) -> Result:
    return CliRunner().invoke(stream.tail, list(words))


def test_submit_streams_the_text_and_nothing_else_on_stdout(client: type[FakeClient]) -> None:
    result = submit("Hi", "--id", "r1")
    assert (result.exit_code, result.stdout) == (0, "Hello\n")
    assert result.stderr == "request id: r1\n"
    assert client.submitted == [
        {
            "request_id": "r1",
            "dialect": "chat",
            "request": {
                "model": "first",
                "messages": [{"role": "user", "content": "Hi"}],
                "stream": True,
            },
        }
    ]


def test_submit_makes_a_request_id_and_reads_stdin(client: type[FakeClient]) -> None:
    result = submit("-", "--model", "m", "--no-wait", stdin="from a pipe")
    body = client.submitted[0]
    assert result.stdout == body["request_id"] + "\n"
    assert body["request_id"].startswith("req_")
    assert body["request"]["messages"][0]["content"] == "from a pipe"
    assert client.after == []


def test_a_bad_request_id_is_refused_before_anything_is_sent(client: type[FakeClient]) -> None:
    result = submit("Hi", "--id", "a b")
    assert result.exit_code == 2
    assert client.submitted == []


def test_ctrl_c_says_how_to_go_on(client: type[FakeClient]) -> None:
    client.events = [*CHUNKS, KeyboardInterrupt()]
    result = submit("Hi", "--id", "r1", "--api", "http://x:1")
    assert result.exit_code == 130
    assert "streamhold tail r1 --after 5 --api http://x:1\n" in result.stderr


def test_tail_goes_on_after_a_cursor(client: type[FakeClient]) -> None:
    assert tail("r1", "--after", "7").exit_code == 0
    assert client.after == [7]


def test_raw_prints_the_events(client: type[FakeClient]) -> None:
    result = tail("r1", "--raw")
    assert result.stdout == "".join(event.raw for event in [*CHUNKS, COMPLETED])


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ({"state": "cancelled"}, "Cancelled: the job has no answer."),
        ({"state": "failed", "error": {"message": "no luck"}}, "Failed: no luck"),
    ],
)
def test_a_bad_end_is_an_error(
    client: type[FakeClient], summary: dict[str, Any], said: str
) -> None:
    client.events = [Event(json.dumps(summary), "end", 2)]
    result = tail("r1")
    assert result.exit_code == 1
    assert said in result.stderr


def test_a_refusal_is_one_line(client: type[FakeClient]) -> None:
    client.events = [ApiError("There is no job. (HTTP 404)", 404)]
    result = tail("r1")
    assert (result.exit_code, result.stderr) == (1, "Error: There is no job. (HTTP 404)\n")


def test_a_whole_answer_in_one_frame_is_text_too(client: type[FakeClient]) -> None:
    whole = Event('{"choices": [{"index": 0, "message": {"content": "All."}}]}', id=1)
    client.events = [whole, COMPLETED]
    assert tail("r1").stdout == "All.\n"

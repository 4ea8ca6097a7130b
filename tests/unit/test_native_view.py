"""The native view shows every frame, and sums the job up at the end."""

import json

import msgspec
import pytest

from broker.dialects import View
from broker.dialects.native import NativeView
from broker.frames import Frame, Kind, data_frame
from broker.model import Failure, JobState, Terminal

VIEW: View = NativeView("req_1")


def ending(terminal: Terminal) -> Frame:
    return Frame(Kind.TERMINAL, msgspec.json.encode(terminal))


def test_each_kind_is_shown() -> None:
    frames = [
        data_frame(Kind.NATIVE, b'{"number":1}', b"attempt"),
        data_frame(Kind.DIALECT, b'{"a":1}'),
        data_frame(Kind.USAGE, b'{"u":1}'),
        data_frame(Kind.WHOLE, b'{\n"w":1}'),
    ]
    assert VIEW.render(8, frames) == (
        b'id: 8\nevent: attempt\ndata: {"number":1}\n\n'
        b'id: 9\ndata: {"a":1}\n\n'
        b'id: 10\ndata: {"u":1}\n\n'
        b'id: 11\nevent: whole\ndata: {\ndata: "w":1}\n\n'
    )


FAILURE = Failure("provider_error", "It fell\nover.", code="c", param="p", provider_status=500)


@pytest.mark.parametrize(
    ("terminal", "usage", "error"),
    [
        (Terminal(JobState.COMPLETED, {"total_tokens": 3}), {"total_tokens": 3}, None),
        (Terminal(JobState.CANCELLED), None, None),
        (
            Terminal(JobState.FAILED, None, FAILURE),
            None,
            {
                "type": "provider_error",
                "message": "It fell\nover.",
                "code": "c",
                "param": "p",
                "provider_status": 500,
                "retryable": False,
                "fault": None,
            },
        ),
        (
            Terminal(JobState.FAILED, {}, Failure("timeout", "Slow.", retryable=True)),
            {},
            {
                "type": "timeout",
                "message": "Slow.",
                "code": None,
                "param": None,
                "provider_status": None,
                "retryable": True,
                "fault": None,
            },
        ),
    ],
)
def test_the_end_is_the_jobs_summary(terminal: Terminal, usage: object, error: object) -> None:
    text = VIEW.render(12, [ending(terminal)])
    head, data = text.split(b"data: ")
    assert head == b"id: 12\nevent: end\n"
    assert data.endswith(b"\n\n")
    assert data.count(b"\n") == 2
    assert json.loads(data) == {
        "request_id": "req_1",
        "state": terminal.state.value,
        "last": 12,
        "usage": usage,
        "error": error,
    }


def test_a_terminal_written_by_a_script_is_read() -> None:
    text = VIEW.render(1, [Frame(Kind.TERMINAL, b'{"state": "cancelled", "later": 1}')])
    assert b'"state":"cancelled"' in text


def test_a_kind_of_a_later_version_is_skipped() -> None:
    assert VIEW.render(1, [Frame(9, b"?"), Frame(0, b"data: x")]) == b"id: 2\ndata: x\n\n"


def test_nothing_renders_to_nothing() -> None:
    assert VIEW.render(1, []) == b""


def test_equal_views_are_one_key() -> None:
    assert {NativeView("req_1"): 1}[NativeView("req_1")] == 1
    assert NativeView("req_1") != NativeView("req_2")
    with pytest.raises(AttributeError):
        NativeView("req_1").request_id = "x"  # type: ignore[misc]

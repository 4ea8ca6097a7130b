"""A child's output: passed on whole and in order, its last lines kept."""

import os

import pytest

from broker.cli.output import Output


def carried(*writes: bytes) -> Output:
    output = Output()
    own = os.dup(output.end)
    output.start()
    for data in writes:
        os.write(own, data)
    os.close(own)
    return output


def test_lines_are_passed_on_and_the_last_are_kept(capfd: pytest.CaptureFixture[str]) -> None:
    lines = [f"line {number}" for number in range(100)]
    output = carried("\n".join(lines).encode())  # the last one is not ended
    assert output.finish(10) == lines[-12:]
    assert capfd.readouterr().err.splitlines() == lines


def test_a_line_in_pieces_is_one(capfd: pytest.CaptureFixture[str]) -> None:
    assert carried(b"one, ", b"two\n\nthr", b"ee\n").finish(10) == ["one, two", "three"]
    assert capfd.readouterr().err == "one, two\n\nthree\n"


def test_a_stderr_that_is_gone_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr("broker.cli.output._STDERR", writing)
    assert carried(b"x" * 500_000, b"\nlast\n").finish(10)[-1] == "last"
    os.close(writing)


def test_a_grandchild_that_keeps_it_is_not_waited_for() -> None:
    output = Output()
    kept = os.dup(output.end)
    output.start()
    assert output.finish(0.01) == []
    os.close(kept)

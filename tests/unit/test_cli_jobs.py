"""``status`` and ``cancel``: the call that each makes, and what it prints."""

from typing import Any

import pytest
from click.testing import CliRunner

from broker.cli import jobs
from broker.cli.client import Client


@pytest.mark.parametrize(
    ("command", "call"),
    [
        (jobs.status, ("GET", "/v1/jobs/a%3Ab")),
        (jobs.cancel, ("POST", "/v1/jobs/a%3Ab/cancel")),
    ],
)
def test_the_answer_is_printed(
    monkeypatch: pytest.MonkeyPatch, command: Any, call: tuple[str, str]
) -> None:
    made: list[tuple[str, str]] = []

    async def answer(_: Client, method: str, path: str, body: Any = None) -> Any:
        made.append((method, path))
        return {"state": "running"}

    monkeypatch.setattr(Client, "call", answer)
    result = CliRunner().invoke(command, ["a:b"])
    assert result.stdout == '{\n  "state": "running"\n}\n'
    assert made == [call]

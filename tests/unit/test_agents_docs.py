"""docs/agents.md has what the clients are run with: each file and each variable, to the letter."""

import shlex
from pathlib import Path

import pytest

from tests.agents.cell import JOIN
from tests.agents.clients import CLIENTS
from tests.agents.clients.client import Client, Place
from tests.agents.packages import packages

DOCS = (Path(__file__).parents[2] / "docs/agents.md").read_text()
NAMES = {"claude-code": "Claude Code", "codex": "Codex CLI", "opencode": "OpenCode", "pi": "pi"}
NAMES["claude-code-old"] = "Claude Code"
NAMES |= {"qwen-code": "Qwen Code", "continue": "Continue", "cline": "Cline"}


def section(client: Client) -> str:
    """What the page says of one client."""
    head = f"\n## {NAMES.get(client.name, client.name)}\n"
    assert DOCS.count(head) == 1
    return DOCS.partition(head)[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    "client", [each for each in CLIENTS.values() if not each.framework], ids=lambda each: each.name
)
def test_a_client_is_described_as_it_is_run(client: Client, tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    (home / "tmp").mkdir(parents=True)
    work.mkdir()
    place = Place(
        home=home,
        work=work,
        programs=tmp_path,
        url="http://127.0.0.1:8080",
        model="coder",
        small="small",
        headers=JOIN,
        prompt="hi",
    )
    call = client.prepare(place)
    told = section(client)
    for name, value in call.env.items():
        assert f"export {name}={shlex.quote(value)}\n" in told
    files = [file for file in home.rglob("*") if file.is_file() and "tmp" not in file.parts[-2:]]
    for file in files:
        assert f"`~/{file.relative_to(home)}`" in told
        if client.name == "cline":  # written by its own command, all but the headers
            assert '"headers": { "x-streamhold-join": "120" }' in told
        else:
            assert f"\n{file.read_text().strip()}\n```\n" in told
    assert call.env or files


def test_each_framework_has_its_row() -> None:
    rows = DOCS.partition("\n## Frameworks\n")[2]
    for name in (each.name for each in CLIENTS.values() if each.framework):
        told = {"litellm": "litellm's SDK", "ai-sdk": "AI SDK", "tanstack-ai": "TanStack AI"}
        assert f"\n| {told.get(name, name)} |".lower() in rows.lower()


def test_each_client_has_a_pinned_package() -> None:
    assert set(CLIENTS) == set(packages())

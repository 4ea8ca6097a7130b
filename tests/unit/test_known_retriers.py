"""Which clients are known, by their names, to repeat a lost or failed call without a key."""

import pytest

from broker.api.known_retriers import CLIENTS, Client, is_joined
from broker.api.retrying import Retrying
from broker.model import Options
from broker.routing import RETRIED
from broker.settings import Server
from tests.clients.recording import recordings

AGENTS = {name: each for name, each in recordings().items() if "user-agent" in each.headers}


def is_retried(user_agent: str) -> bool:
    """Whether each target is tried once for it."""
    headers = [(b"user-agent", user_agent.encode())]
    return Retrying(Server()).options(Options(), headers) is RETRIED


@pytest.mark.parametrize("name", AGENTS)
def test_a_recorded_agent_is_known_for_both_reasons(name: str) -> None:
    agent = AGENTS[name].headers["user-agent"]
    assert is_joined(agent)
    assert is_retried(agent)


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_of_the_list_is_retried_and_joined_as_it_says(client: Client) -> None:
    agent = f"{client.begins}1.2.3 (a machine)"
    assert (is_retried(agent), is_joined(agent)) == (True, client.joins)
    assert (is_retried(f"x{agent}"), is_joined(f"x{agent}")) == (False, False)
    assert client.begins == client.begins.lower()


def test_clients_are_told_apart() -> None:
    begins = [client.begins for client in CLIENTS]
    assert not [(a, b) for a in begins for b in begins if a != b and a.startswith(b)]


@pytest.mark.parametrize(
    "name",
    [
        "claude-cli/2.1.332 (external, cli)",
        "claude-cli/2.1.197 (external, sdk-cli)",
        "codex_cli_rs/0.171.0 (Ubuntu 24.4.0; x86_64) xterm-256color",
        "codex_exec/0.171.0 (Debian 12.0.0; x86_64) unknown",
        "codex-tui/0.171.0 (Debian 12.0.0; x86_64) xterm (codex-tui; 0.171.0)",
        "opencode/1.2.3 ai-sdk/provider-utils/4.0.1 runtime/bun/1.3.0",
        "QwenCode/0.14.1 (linux; x64)",
    ],
)
def test_agents_are_joined(name: str) -> None:
    assert is_joined(name)


@pytest.mark.parametrize(
    "name",
    [
        None,
        "",
        "OpenAI/Python 3.51.0",
        "AsyncOpenAI/Python 3.51.0",
        "Anthropic/JS 0.129.0",
        "python-httpx/0.28",
        "Mozilla/5.0 opencode/1.2.3",
        "ai-sdk/openai/4.0.0",
        "litellm/1.106.2",
        "codexy/1.0",
    ],
)
def test_others_are_not(name: str | None) -> None:
    assert not is_joined(name)

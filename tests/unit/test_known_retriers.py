"""Which clients are known, by their names, to repeat a lost call without a key."""

import pytest

from broker.api.known_retriers import is_known


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
def test_agents_are_known(name: str) -> None:
    assert is_known(name)


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
        "CLAUDE-CLI/2",
        "codexy/1.0",
    ],
)
def test_others_are_not(name: str | None) -> None:
    assert not is_known(name)

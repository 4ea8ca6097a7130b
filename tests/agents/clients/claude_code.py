"""Claude Code: all by its environment."""

from tests.agents.clients.client import KEY, Call, Client, Place, calling


def _prepare(place: Place) -> Call:
    headers = "\n".join(f"{name}: {value}" for name, value in place.headers.items())
    return Call(
        [str(place.programs / "claude"), "-p", place.prompt, "--allowedTools", "Bash"],
        {
            "ANTHROPIC_BASE_URL": place.url,
            "ANTHROPIC_AUTH_TOKEN": KEY,
            "ANTHROPIC_MODEL": place.model,
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": place.small,
            **({"ANTHROPIC_CUSTOM_HEADERS": headers} if headers else {}),
        },
        {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"},
    )


# Half a year older: its betas, its fields and its small calls differ.
CLAUDE_CODE_OLD = Client("claude-code-old", "messages", _prepare, calling("Bash"))
CLAUDE_CODE = Client("claude-code", "messages", _prepare, calling("Bash"))

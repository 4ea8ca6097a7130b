"""Codex CLI: a provider of one's own in its config.toml."""

from tests.agents.clients.client import KEY, Call, Client, Place, calling

_QUIET = ["-c", "check_for_update_on_startup=false", "-c", "analytics.enabled=false"]


def _prepare(place: Place) -> Call:
    headers = ", ".join(f'"{name}" = "{value}"' for name, value in place.headers.items())
    place.write(
        ".codex/config.toml",
        f"""model = "{place.model}"
model_provider = "streamhold"

[model_providers.streamhold]
name = "Streamhold"
base_url = "{place.url}/v1"
env_key = "STREAMHOLD_KEY"
wire_api = "responses"
http_headers = {{ {headers} }}
""",
    )
    # The folder is thrown away, and a sandbox of its own needs rights that a container lacks.
    words = ["exec", *_QUIET, "--skip-git-repo-check", "--sandbox", "danger-full-access"]
    return Call([str(place.programs / "codex"), *words, place.prompt], {"STREAMHOLD_KEY": KEY})


CODEX = Client("codex", "responses", _prepare, calling("exec_command", "cmd"))

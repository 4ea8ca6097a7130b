"""The frameworks: each is a script in ``tests/agents/frameworks``, told by its environment."""

import json
import shutil
from pathlib import Path

from tests.agents.clients.client import KEY, Call, Client, Place, calling, saying

_SCRIPTS = Path(__file__).parents[1] / "frameworks"
_ROOT = Path(__file__).parents[3]


def _environment(place: Place) -> dict[str, str]:
    return {
        "AGENT_URL": place.url,
        "AGENT_KEY": KEY,
        "AGENT_MODEL": place.model,
        "AGENT_PROMPT": place.prompt,
        "AGENT_HEADERS": json.dumps(dict(place.headers)),
        "AGENT_TRANSPORT": str(int(place.transport)),
    }


def _python(name: str, surface: str, prompt: str, **fields: object) -> Client:
    def prepare(place: Place) -> Call:
        # -P: a script that has the name of what it imports must not be found in its place.
        words = [str(place.programs / "python"), "-P", str(_SCRIPTS / "python" / f"{name}.py")]
        paths = f"{_SCRIPTS}:{_ROOT / 'clients/python/src'}"
        quiet = {"CREWAI_DISABLE_TELEMETRY": "true", "HAYSTACK_TELEMETRY_ENABLED": "False"}
        quiet |= {"OTEL_SDK_DISABLED": "true", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        return Call(words, {**_environment(place), **quiet, "PYTHONPATH": paths})

    return Client(name, surface, prepare, prompt, framework=True, retries=False, **fields)  # type: ignore[arg-type]


def _js(name: str, surface: str = "chat") -> Client:
    def prepare(place: Place) -> Call:
        # Node looks for packages beside the script.
        folder = place.home / "js"
        shutil.copytree(_SCRIPTS / "js", folder, dirs_exist_ok=True)
        if not (folder / "node_modules").exists():
            (folder / "node_modules").symlink_to(place.programs.parent)
        client = {"AGENT_CLIENT": str(_ROOT / "clients/js/src/index.js")}
        quiet = {"MASTRA_TELEMETRY_DISABLED": "1"}
        script = str(folder / f"{name}.mjs")
        return Call(["node", script], {**_environment(place), **client, **quiet})

    return Client(name, surface, prepare, calling("run"), framework=True, retries=False)


_ASKED = calling("run")

FRAMEWORKS = (
    _python("openai-agents", "responses", _ASKED),
    _python("pydantic-ai", "chat", _ASKED),
    _python("langchain-openai", "chat", _ASKED),
    _python("langchain-anthropic", "messages", _ASKED, transports=False),
    _python("llama-index", "chat", _ASKED),
    _python("dspy", "chat", saying(), turns=1, reads=False, transports=False),
    _python("litellm", "chat", _ASKED),
    _python("instructor", "chat", calling("Run"), turns=1),
    _python("haystack", "chat", _ASKED),
    _python("smolagents", "chat", _ASKED + 'CALL final_answer {"answer": "finished"}\n'),
    _python("autogen", "chat", _ASKED),
    _python("agent-framework", "responses", _ASKED),
    _python("strands", "chat", _ASKED),
    _python("crewai", "chat", _ASKED, transports=False),
    _js("ai-sdk"),
    _js("mastra"),
    _js("tanstack-ai", "responses"),
)

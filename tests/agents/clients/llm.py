"""llm: a model of one's own in its extra-openai-models.yaml, and a function as its tool."""

import json

from tests.agents.clients.client import KEY, Call, Client, Place, calling

_TOOL = '''
import subprocess

def run(command: str) -> str:
    """Run a command by the shell."""
    return subprocess.run(command, shell=True, capture_output=True, text=True).stdout
'''


def _prepare(place: Place) -> Call:
    model = {
        "model_id": place.model,
        "model_name": place.model,
        "api_base": f"{place.url}/v1",
        "headers": dict(place.headers),
        "supports_tools": True,
    }
    # JSON is YAML too.
    place.write("llm/extra-openai-models.yaml", json.dumps([model]))
    tool = place.write("tool.py", _TOOL)
    words = ["-m", place.model, "--key", KEY, "--functions", str(tool), place.prompt]
    return Call([str(place.programs / "llm"), *words], {"LLM_USER_PATH": str(place.home / "llm")})


LLM = Client("llm", "chat", _prepare, calling("run"), retries=False)

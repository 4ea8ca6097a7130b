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
    place.write(
        ".config/io.datasette.llm/extra-openai-models.yaml",
        f"""- model_id: {place.model}
  model_name: {place.model}
  api_base: {place.url}/v1
  headers: {json.dumps(dict(place.headers))}
  supports_tools: true
""",
    )
    tool = place.home / "tmp" / "tool.py"
    tool.write_text(_TOOL)
    words = ["-m", place.model, "--key", KEY, "--functions", str(tool), place.prompt]
    return Call([str(place.programs / "llm"), *words])


LLM = Client("llm", "chat", _prepare, calling("run"), retries=False)

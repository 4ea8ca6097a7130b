"""What the runner tells a script, by its environment, and the one tool that each script offers."""

import json
import os
import subprocess

URL = os.environ["AGENT_URL"]  # of the API, without /v1
BASE_URL = f"{URL}/v1"
KEY = os.environ["AGENT_KEY"]
MODEL = os.environ["AGENT_MODEL"]
PROMPT = os.environ["AGENT_PROMPT"]
HEADERS: dict[str, str] = json.loads(os.environ["AGENT_HEADERS"])
TRANSPORT = os.environ["AGENT_TRANSPORT"] == "1"  # streamhold_client beneath, where there is room


def run(command: str) -> str:
    """Run a command by the shell and return what it prints.

    Args:
        command: the command.
    """
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout


SCHEMA = {
    "type": "object",
    "properties": {"command": {"type": "string", "description": "the command"}},
    "required": ["command"],
    "additionalProperties": False,
}

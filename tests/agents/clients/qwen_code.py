"""Qwen Code: its environment, and its settings.json for headers."""

import json

from tests.agents.clients.client import KEY, Call, Client, Place, calling


def _prepare(place: Place) -> Call:
    settings = {
        "security": {"auth": {"selectedType": "openai"}},
        "model": {"generationConfig": {"customHeaders": dict(place.headers)}},
    }
    # Its project's settings are read too; what only a test wants is there.
    quiet = {
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "general": {"enableAutoUpdate": False},
    }
    (place.work / ".qwen").mkdir(exist_ok=True)
    (place.work / ".qwen/settings.json").write_text(json.dumps(quiet))
    place.write(".qwen/settings.json", json.dumps(settings, indent=2))
    env = {
        "OPENAI_BASE_URL": f"{place.url}/v1",
        "OPENAI_API_KEY": KEY,
        "OPENAI_MODEL": place.model,
    }
    return Call([str(place.programs / "qwen"), "--yolo", place.prompt], env)


QWEN_CODE = Client(
    "qwen-code",
    "chat",
    _prepare,
    calling("run_shell_command", is_background=False),
    apart="it asks the model to go on after the text that came, which is another request",
)

"""Continue's CLI: a model in a configuration of its own."""

import json

from tests.agents.clients.client import KEY, Call, Client, Place, calling


def _prepare(place: Place) -> Call:
    model = {
        "name": place.model,
        "provider": "openai",
        "model": place.model,
        "apiBase": f"{place.url}/v1",
        "apiKey": KEY,
        "roles": ["chat"],
        "capabilities": ["tool_use"],
        "requestOptions": {"headers": dict(place.headers)},
    }
    config = {"name": "streamhold", "version": "1.0.0", "schema": "v1", "models": [model]}
    # JSON is YAML too.
    file = place.write(".continue/config.yaml", json.dumps(config, indent=2))
    words = [str(place.programs / "cn"), "-p", "--auto", "--config", str(file), place.prompt]
    return Call(words, {"CONTINUE_TELEMETRY_ENABLED": "0", "CONTINUE_METRICS_ENABLED": "0"})


CONTINUE = Client("continue", "chat", _prepare, calling("Bash"))

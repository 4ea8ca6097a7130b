"""pi: a provider of one's own in its models.json."""

import json

from tests.agents.clients.client import KEY, Call, Client, Place, calling


def _prepare(place: Place) -> Call:
    provider = {
        "baseUrl": f"{place.url}/v1",
        "api": "openai-completions",
        "apiKey": KEY,
        "headers": dict(place.headers),
        "models": [{"id": place.model}],
    }
    config = {"providers": {"streamhold": provider}}
    place.write(".pi/agent/models.json", json.dumps(config, indent=2))
    words = ["-p", "--provider", "streamhold", "--model", place.model, place.prompt]
    quiet = {"PI_OFFLINE": "1", "PI_TELEMETRY": "0"}
    return Call([str(place.programs / "pi"), *words], quiet=quiet)


PI = Client("pi", "chat", _prepare, calling("bash"))

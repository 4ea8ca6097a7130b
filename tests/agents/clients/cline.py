"""Cline's CLI: a provider in its providers.json, as ``cline auth`` writes it."""

import json

from tests.agents.clients.client import KEY, LINE, MADE, NOTE, Call, Client, Place


def _prepare(place: Place) -> Call:
    settings = {
        "provider": "openai-compatible",
        "apiKey": KEY,
        "model": place.model,
        "baseUrl": f"{place.url}/v1",
        "headers": dict(place.headers),
    }
    config = {
        "version": 1,
        "lastUsedProvider": "openai-compatible",
        "modes": {},
        "providers": {
            "openai-compatible": {
                "settings": settings,
                "updatedAt": "2026-12-01T00:00:00.000Z",
                "tokenSource": "manual",
            }
        },
    }
    place.write(".cline/data/settings/providers.json", json.dumps(config, indent=2))
    words = [str(place.programs / "cline"), "--auto-approve", "true", place.prompt]
    return Call(words, quiet={"CLINE_TELEMETRY_DISABLED": "1"})


_COMMANDS = json.dumps({"commands": [f"echo {LINE} >> {MADE}; cat {NOTE}"]})

CLINE = Client(
    "cline",
    "chat",
    _prepare,
    f"Do this, please.\nCALL run_commands {_COMMANDS}\n",
    retries=False,
)

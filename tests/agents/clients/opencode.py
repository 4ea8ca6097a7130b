"""OpenCode: a provider of one's own in its opencode.json."""

import json

from tests.agents.clients.client import KEY, Call, Client, Place, calling


def _prepare(place: Place) -> Call:
    config = {
        "model": f"streamhold/{place.model}",
        "small_model": f"streamhold/{place.small}",
        "provider": {
            "streamhold": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "Streamhold",
                "options": {
                    "baseURL": f"{place.url}/v1",
                    "apiKey": KEY,
                    "headers": dict(place.headers),
                },
                "models": {place.model: {}, place.small: {}},
            }
        },
    }
    place.write(".config/opencode/opencode.json", json.dumps(config, indent=2))
    # An argument with blanks would reach the model as a quoted string.
    return Call(
        [str(place.programs / "opencode"), "run", "--auto"],
        told=place.prompt,
        quiet={
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        },
    )


OPENCODE = Client("opencode", "chat", _prepare, calling("bash", description="reads the note"))

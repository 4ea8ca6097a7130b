"""Continue's CLI: a model in a configuration of its own."""

import json

from tests.agents.clients.client import KEY, Call, Client, Place, calling


def _prepare(place: Place) -> Call:
    file = place.write(
        ".continue/config.yaml",
        f"""name: streamhold
version: 1.0.0
schema: v1
models:
  - name: {place.model}
    provider: openai
    model: {place.model}
    apiBase: {place.url}/v1
    apiKey: {KEY}
    roles: [chat]
    capabilities: [tool_use]
    requestOptions:
      headers: {json.dumps(dict(place.headers))}
""",
    )
    words = [str(place.programs / "cn"), "-p", "--auto", "--config", str(file), place.prompt]
    quiet = {"CONTINUE_TELEMETRY_ENABLED": "0", "CONTINUE_METRICS_ENABLED": "0"}
    return Call(words, quiet=quiet)


CONTINUE = Client("continue", "chat", _prepare, calling("Bash"))

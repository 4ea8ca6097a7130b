"""aider: has no tools; it writes the files that an answer has."""

import json

from tests.agents.clients.client import KEY, MADE, Call, Client, Place, editing


def _prepare(place: Place) -> Call:
    place.write(
        ".aider.model.settings.yml",
        f"""- name: openai/{place.model}
  edit_format: whole
  weak_model_name: openai/{place.small}
  extra_params:
    extra_headers: {json.dumps(dict(place.headers))}
""",
    )
    words = ["--model", f"openai/{place.model}"]
    quiet = ["--yes-always", "--no-git", "--no-check-update", "--analytics-disable"]
    plain = ["--no-pretty", "--no-show-model-warnings", "--no-show-release-notes"]
    asked = ["--message", place.prompt, MADE]
    return Call(
        [str(place.programs / "aider"), *words, *quiet, *plain, *asked],
        {"OPENAI_API_BASE": f"{place.url}/v1", "OPENAI_API_KEY": KEY},
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )


AIDER = Client("aider", "chat", _prepare, editing(), turns=1, reads=False)

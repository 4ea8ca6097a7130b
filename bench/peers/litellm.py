"""LiteLLM's proxy, in front of the same simulator, in an environment of its own."""

import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.figures import LITELLM
from bench.plan import Plan
from bench.program import Program, answers, clean_environment
from bench.streamhold import Streamhold
from bench.subject import Subject
from broker.cli.deployment import find_ports

_LITELLM = "litellm[proxy]==1.105.0"
_COMMA = "+"
_START = 120.0  # seconds; a first start compiles what it imports


def install(home: Path, requirement: str) -> Path:
    """The scripts folder of an environment with this requirement, made once."""
    mark = home / "installed"
    if not (mark.exists() and mark.read_text() == requirement):
        print(f"installing {requirement} into {home}", file=sys.stderr)
        venv.create(home, clear=True, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", requirement]
        subprocess.run([*pip, "--disable-pip-version-check", "--no-input"], check=True)
        mark.write_text(requirement)
    return home / "bin"


@contextmanager
def litellm(out: Path, streamhold: Streamhold, plan: Plan) -> Iterator[Subject]:
    """LiteLLM's proxy: one worker, no database. A comma in a model would be a list to it."""
    home = out / "peers" / ".litellm"  # hidden, so that no tool takes it for modules of ours
    scripts = install(home, _LITELLM)
    config = home / "config.yaml"  # JSON is YAML
    upstream = {"api_base": streamhold.direct.base_url, "api_key": "sk-bench"}
    models = [
        {
            "model_name": model.replace(",", _COMMA),
            "litellm_params": {**upstream, "model": f"openai/{model}"},
        }
        for model in plan.shared_models
    ]
    config.write_bytes(msgspec.json.encode({"model_list": models}))
    port = find_ports("127.0.0.1", 0, 1)[0]
    words = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    env = {
        **clean_environment(),
        "PATH": f"{scripts}:/usr/bin:/bin",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "LITELLM_LOG": "ERROR",
    }
    command = [str(scripts / "litellm"), *words, "--num_workers", "1", "--telemetry", "False"]
    with Program(command, out / "litellm.log", env) as program:
        url = f"http://127.0.0.1:{port}"
        program.wait_for(lambda: answers(f"{url}/health/liveliness"), _START)
        yield Subject(LITELLM, f"{url}/v1", "", {"proxy": program.pid}, _COMMA)

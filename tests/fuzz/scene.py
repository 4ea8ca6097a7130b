"""The scene: a deployment, a victim's jobs that are known by their secrets, an intruder's own.

The victim has one job in every state, once more under a name that is nowhere guessed. All
that is the victim's is marked: prompts, metadata, the answer's id (which the simulated
provider takes from the model), and the name that is never guessed.
"""

import json
import secrets
from collections.abc import Iterable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rig.program import until
from tests.deployment import Deployment, account, ask

VICTIM, INTRUDER = "victim", "intruder"
VICTIMS_KEY, INTRUDERS_KEY = "key-of-the-victim-5bd1", "key-of-the-intruder-90aa"
PROMPT_MARK = "intruders-prompt-77ce"  # in the prompts of the requests that may be accepted
MAX_BODY = 200_000  # bytes
ORIGIN = "https://app.example"  # whose pages may call
CONFIG = f"""
[server]
ping = 0.2
header_hold = 0.4
drain = 1
allowed_origins = ["{ORIGIN}"]
max_body = {MAX_BODY}

[worker]
backoff = 0.01
attempts = 2
drain = 1

[timeouts]
first_token = 7200
idle = 7200
total = 7200

[routes.plain]
targets = ["sim/tokens=3,interval=0"]

{account(VICTIM, VICTIMS_KEY)}
{account(INTRUDER, INTRUDERS_KEY)}
"""
# Models that end soon, well or badly: what an accepted request may ask for.
MODELS = (
    "plain",
    "sim/tokens=3,interval=0",
    "sim/tokens=12,interval=20ms",
    "sim/tokens=3,interval=0,tools=1",
    "sim/tokens=3,interval=0,nostream",
    "sim/tokens=3,interval=0,escape,reasoning=2",
    "sim/tokens=9,interval=0,dropafter=4",
    "sim/status=400",
    "sim/status=429,retryafter=1",
    "sim/status=500",
    "sim/drop",
)
_STATES = ("running", "completed", "failed", "cancelled", "deleted")
_HANGS = "sim/tokens=20,interval=0,hangafter=6"


class Caller:
    """An account's own honest client."""

    def __init__(self, url: str, key: str) -> None:
        self._host = urlsplit(url).netloc
        self._headers = {
            "authorization": f"Bearer {key}",
            "content-type": "application/json",
            "connection": "close",  # else the server keeps it for a while, and it is counted
        }

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """The status and the body of an answer, read to its end."""
        connection = HTTPConnection(self._host, timeout=30)
        data = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, data, self._headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def job(self, name: str) -> Any:
        status, body = self.call("GET", f"/v1/jobs/{name}")
        assert status == 200, body
        return json.loads(body)

    def submit(self, name: str, model: str, prompt: str, **more: Any) -> None:
        job = {"request_id": name, "request": ask(model, prompt), **more}
        status, body = self.call("POST", "/v1/jobs", job)
        assert status == 202, body

    def bring(self, name: str, state: str, mark: str) -> None:
        """Submit a job and bring it into a state (or ``deleted``) in which it stays."""
        ends = {"completed": f"sim/tokens=6,interval=0,id={mark}", "failed": "sim/status=400"}
        model = ends.get(state, f"{_HANGS},id={mark}")
        self.submit(name, model, f"prompt {mark}", metadata={"note": f"metadata {mark}"})
        wanted = state if state in ends else "running"
        assert until(lambda: bool(self.job(name)["state"] == wanted)), self.job(name)
        if model.startswith(_HANGS):
            assert until(lambda: bool(self.job(name)["cursor"] >= 8)), self.job(name)
        if state == "cancelled":
            self.call("POST", f"/v1/jobs/{name}/cancel")
        if state == "deleted":
            self.call("DELETE", f"/v1/jobs/{name}")


class Scene:
    """What the requests are made for and the answers judged by."""

    def __init__(self, folder: Path, apis: int = 1) -> None:
        self.deployment = Deployment(folder, apis=apis, config=CONFIG)
        try:
            self._fill()
        except BaseException:
            self.deployment.close()
            raise

    def _fill(self) -> None:
        self.mark = f"victims-secret-{secrets.token_hex(4)}"
        self.url = self.deployment.urls[0]
        self.victim = Caller(self.url, VICTIMS_KEY)
        self.intruder = Caller(self.url, INTRUDERS_KEY)
        # Names to look at, and names to post anew: the intruder may have a job of the same name.
        self.names = [f"shop-{state}" for state in _STATES]
        self.doubles = [f"shop-{state}-again" for state in _STATES]
        self.hidden = f"hidden-{self.mark}"
        self.own = [f"own-{state}" for state in _STATES] + ["own-completed-2", "own-failed-2"]
        for name, state in self._jobs([*self.names, *self.doubles]):
            self.victim.bring(name, state, self.mark)
        self.victim.bring(self.hidden, "completed", self.mark)
        for name, state in self._jobs(self.own):
            self.intruder.bring(name, state, "own")

    @property
    def secrets(self) -> list[bytes]:
        """What no answer to the intruder may hold."""
        return [self.mark.encode(), VICTIMS_KEY.encode(), VICTIM.encode() + b'"']

    def _jobs(self, names: Iterable[str]) -> list[tuple[str, str]]:
        return [(name, name.split("-")[1]) for name in names]

    def document(self) -> Any:
        """The description, as the deployment gives it."""
        return json.loads(self.intruder.call("GET", "/openapi.json")[1])

    def close(self) -> None:
        self.deployment.close()

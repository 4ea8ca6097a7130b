"""What must hold when all is over: the victim's jobs untouched, and nothing left behind.

A key of the store is either one of the deployment's few, or belongs to a job that was
accepted: then it expires, unless the job is still open. A process has no reader left, no
connection of a caller, no more open files than it started with, and a clean log.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis

from broker.model import job_key
from rig.program import until
from tests.fuzz.scene import INTRUDER, INTRUDERS_KEY, PROMPT_MARK, VICTIM, VICTIMS_KEY, Scene

SETTLE = 20.0  # seconds for connections to be noticed as gone, and for jobs to end
SPARE = 24  # open files: connections to the store that a pool keeps, one for each call at once
_OF_A_JOB = re.compile(r"^[^{]+{p\d+}:(job|stream|templates|body):([A-Za-z0-9_-]{20})$")
_OPEN = ("queued", "running")
_UNCERTAIN = re.compile(r"cut-\d+\Z")  # the caller left: accepted or not, as it came


@dataclass(frozen=True)
class Key:
    """A key of a job: its kind, whether it expires, and what the job's record says."""

    name: str
    kind: str
    job: str
    expires: bool
    record: dict[str, str] = field(default_factory=dict)


class Store:
    """The deployment's store, seen from beside it."""

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(url)

    def names(self) -> set[str]:
        return {name.decode() for name in self._client.scan_iter(count=1000)}

    def keys_of_jobs(self) -> list[Key]:
        """The keys of every job."""
        return [key for name in sorted(self.names()) if (key := self._key(name)) is not None]

    def others(self) -> set[str]:
        """The keys of no job."""
        return {name for name in self.names() if not _OF_A_JOB.match(name)}

    def expires(self, name: str) -> bool:
        return bool(self._client.pttl(name) >= 0)

    def job(self, key: str) -> dict[str, Any]:
        """Everything that is stored of a job."""
        return {
            name: self._value(name) for name in sorted(self.names()) if name.endswith(":" + key)
        }

    def _key(self, name: str) -> Key | None:
        found = _OF_A_JOB.match(name)
        if found is None:
            return None
        record = name.replace(f":{found[1]}:", ":job:", 1)
        told = ("state", "request_id", "account", "keep")
        texts = dict(zip(told, self._client.hmget(record, *told), strict=True))
        return Key(
            name,
            found[1],
            found[2],
            self._client.pttl(name) >= 0,
            {name: text.decode() for name, text in texts.items() if text is not None},
        )

    def _value(self, name: str) -> Any:
        kind = self._client.type(name)
        if kind == b"hash":
            return self._client.hgetall(name)
        return self._client.xrange(name) if kind == b"stream" else self._client.get(name)


@dataclass(frozen=True)
class Before:
    """How things stood before the first request."""

    victims: dict[str, Any]
    files: dict[str, int]
    pids: dict[str, int]
    others: set[str]
    jobs: set[str]


def look(scene: Scene) -> Before:
    """How things stand."""
    store = Store(scene.deployment.store_url)
    pids = scene.deployment.pids
    return Before(
        _victims(scene, store),
        {name: _files(pid) for name, pid in pids.items() if name.startswith("api")},
        pids,
        store.others(),
        {key.job for key in store.keys_of_jobs()},
    )


def faults_after(scene: Scene, before: Before, accepted: Collection[str]) -> list[str]:
    """All that is wrong when the last answer has come. Ends the intruder's own open jobs."""
    store = Store(scene.deployment.store_url)
    scene.intruder.call("POST", f"/v1/jobs/{scene.own[0]}/cancel")
    until(lambda: not _busy(scene, store), SETTLE)
    keys = store.keys_of_jobs()
    faults = [
        *left_keys(keys, before.jobs, accepted),
        *(
            f"a new key {name!r}"
            for name in store.others() - before.others
            if _strange(name) and not store.expires(name)
        ),
        *_left_processes(scene, before),
        *log_faults(
            _log(scene),
            [
                f"prompt {scene.mark}",
                f"metadata {scene.mark}",
                VICTIMS_KEY,
                INTRUDERS_KEY,
                PROMPT_MARK,
            ],
        ),
    ]
    now = _victims(scene, store)
    faults += [f"the victim's {name} changed" for name in now if now[name] != before.victims[name]]
    return faults


def left_keys(
    keys: Iterable[Key], known: Collection[str], accepted: Collection[str]
) -> Iterator[str]:
    """Keys of jobs that nobody made, and keys that no one will ever take away."""
    names = {job_key(INTRUDER, request_id): request_id for request_id in accepted}
    for key in keys:
        name = key.record.get("request_id", "")
        if key.job not in known and key.job not in names and not _UNCERTAIN.match(name):
            yield f"{key.name!r} of {name!r}: it was never accepted"
        if not key.record:
            yield f"{key.name!r} has no record"
        elif not key.expires and key.record.get("state") not in _OPEN:
            yield f"{key.name!r} of a job that is {key.record.get('state')} never expires"
        kept = "keep" in key.record or key.record.get("state") in (*_OPEN, "failed")
        if key.kind == "body" and not kept:
            yield f"{key.name!r} of a job that is {key.record.get('state')}"


def log_faults(log: str, secrets: Iterable[str]) -> Iterator[str]:
    """Defects in a log, and what must never be written into one."""
    for line in log.splitlines():
        try:
            level = json.loads(line).get("level") if line.startswith("{") else None
        except ValueError:
            level = None
        if level in ("error", "critical") or line.startswith("Traceback"):
            yield f"a defect in the log: {line[:2000]}"
    for secret in secrets:
        if secret in log:
            place = log.index(secret)
            yield f"{secret!r} in the log: {log[max(0, place - 200) : place + 100]!r}"


def _strange(name: str) -> bool:
    """Whether a key of no job is none that a running deployment makes in time."""
    own = (
        r"queue|due|open|wake|fair|virtual|arrivals|fence|leases|ticks?|beats?|account:\w+|breakers"
        r"|breakers:(own|found|made)|parked|models|models:version|models:asked:[\w.-]+"
    )
    return not re.search(rf":({own}|ticket-key)$", name)


def _victims(scene: Scene, store: Store) -> dict[str, Any]:
    """All that the store and the API have of the victim's jobs, leases apart."""
    seen: dict[str, Any] = {}
    for name in [*scene.names, *scene.doubles, scene.hidden]:
        seen[f"stored {name}"] = store.job(job_key(VICTIM, name))
        seen[f"job {name}"] = scene.victim.call("GET", f"/v1/jobs/{name}")
        if "running" not in name:
            seen[f"events {name}"] = scene.victim.call("GET", f"/v1/jobs/{name}/events")
    seen["list"] = scene.victim.call("GET", "/v1/jobs?limit=100")
    return seen


def _busy(scene: Scene, store: Store) -> bool:
    """Whether a caller's connection or a job of the intruder's is still open."""
    is_open = any(
        key.record.get("state") in _OPEN and key.record.get("account") == INTRUDER
        for key in store.keys_of_jobs()
    )
    return is_open or _readers(scene) > 0 or _connections(scene) > 0


def _left_processes(scene: Scene, before: Before) -> Iterator[str]:
    deployment = scene.deployment
    if deployment.pids != before.pids:
        yield f"processes were started anew: {before.pids} became {deployment.pids}"
    if readers := _readers(scene):
        yield f"{readers} readers are left"
    until(lambda: not _connections(scene))  # that of the last question is just being closed
    if connections := _connections(scene):
        yield f"{connections} connections of callers are left"
    for name, files in before.files.items():
        now = _files(deployment.pids[name])
        if now > files + SPARE:
            yield f"{name} had {files} open files and has {now}"
    for open_now in json.loads(scene.intruder.call("GET", "/v1/jobs?limit=100&state=running")[1])[
        "data"
    ]:
        yield f"the job {open_now['request_id']!r} never ended"


def _readers(scene: Scene) -> int:
    text = scene.intruder.call("GET", "/metrics")[1].decode()
    found = re.search(r"^streamhold_readers ([\d.]+)$", text, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def _connections(scene: Scene) -> int:
    """Connections to the port that the server has not closed."""
    port = f":{urlsplit(scene.url).port:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    open_states = ("01", "08")  # established; the caller has closed, the server has not
    return sum(row[1].endswith(port) and row[3] in open_states for row in rows)


def _files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _log(scene: Scene) -> str:
    return scene.deployment.up.log.read_text(errors="replace")

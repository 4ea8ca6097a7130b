"""One case played and judged: the stream, the record and the result must tell the same truth."""

import asyncio
import json
import re
import time
from typing import Any

import aiohttp

from tests.hostile.ends import may_be_whole
from tests.hostile.scene import PATIENCE, RESUMED, Case
from tests.recorded.reading import Event, events_of
from tests.recorded.surfaces import PATHS, owed, request, terminals, told

_PING = re.compile(rb"^: ping\n", re.MULTILINE)
_OURS = ("internal_error", "worker_lost", "frames_lost", "queue_timeout", "cancelled")


class Judgement:
    """What came of a case. ``faults`` says what must not be."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.faults: list[str] = []
        self.state = ""
        self.error = ""

    def demand(self, held: object, fault: str) -> None:
        if not held:
            self.faults.append(fault)


async def play(session: aiohttp.ClientSession, case: Case, prefix: str) -> Judgement:
    """Make the call, read all that there is of it, and judge."""
    judged = Judgement(case)
    try:
        async with asyncio.timeout(PATIENCE + 15):
            await _play(session, case, f"{prefix}-{case.number}", judged)
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        judged.faults.append(f"{type(error).__name__} {error}")
    return judged


async def _play(session: aiohttp.ClientSession, case: Case, name: str, judged: Judgement) -> None:
    asked = request(case.caller, case.model, f"case-{case.number} {name}", stream=True)
    headers = {"idempotency-key": name}
    begun = time.monotonic()
    async with session.post(PATHS[case.caller], json=asked, headers=headers) as response:
        status, body = response.status, await response.read()
    judged.demand(time.monotonic() - begun < PATIENCE, "it took too long")
    job = await _get(session, f"/v1/jobs/{name}", judged)
    state = judged.state = job["state"]
    error = job["error"] or {}
    judged.error = str(error.get("type"))
    judged.demand(state in ("completed", "failed"), f"the job is {state}")
    judged.demand(judged.error not in _OURS, f"it failed with {judged.error}")
    if status == 200:
        _stream(case, _plain(body), judged)
        async with session.post(PATHS[case.caller], json=asked, headers=headers) as response:
            late, again = response.status, await response.read()
        alone = late != 200 and len(events_of(_plain(body))) == 1  # it failed after the hold
        judged.demand(alone or _plain(again) == _plain(body), "a replay differs")
    else:
        judged.demand(state == "failed", f"answered {status}, but the job is {state}")
        judged.demand(status != 500, "answered 500")
        json.loads(body)
    await _native(session, name, job, judged)
    await _result(session, name, judged)
    _truth(case, job, judged)


def _stream(case: Case, body: bytes, judged: Judgement) -> None:
    events = events_of(body)
    ids = [event.id for event in events]
    judged.demand(None not in ids, "an event without an id")
    judged.demand(ids == sorted(ids, key=lambda id: id or 0), "ids fall")
    judged.demand(body.count(b"\n\n") == len(events), "an event is torn")
    for event in events:
        judged.demand(event.data == b"[DONE]" or _is_json(event), f"no JSON: {event.data[:80]!r}")
    ends = terminals(case.caller, events)
    judged.demand(ends == [judged.state], f"the stream says {ends}, the job {judged.state}")
    if case.answer.harmless and case.route is None and case.caller == case.answer.dialect:
        judged.demand(
            told(case.caller, events) == owed(case.caller, case.answer.stream),
            "it says other things",
        )


async def _native(
    session: aiohttp.ClientSession, name: str, job: dict[str, Any], judged: Judgement
) -> None:
    async with session.get(f"/v1/jobs/{name}/events") as response:
        judged.demand(response.status == 200, f"events: {response.status}")
        events = events_of(_plain(await response.read()))
    ids = [event.id or 0 for event in events]
    judged.demand(ids == sorted(set(ids)), "native ids do not rise")
    ends = [event for event in events if event.name == "end"]
    judged.demand(ends == events[-1:], "not one end, at the end")
    told = json.loads(ends[-1].data) if ends else {}
    for key, same in (("state", "state"), ("last", "cursor"), ("usage", "usage")):
        judged.demand(told.get(key) == job[same], f"end and record differ in {key}")
    attempts = [event for event in events if event.name == "attempt"]
    judged.demand(len(attempts) == len(job["attempts"]), "attempts: stream and record differ")


async def _result(session: aiohttp.ClientSession, name: str, judged: Judgement) -> None:
    async with session.get(f"/v1/jobs/{name}/result") as response:
        body = json.loads(await response.read())
        judged.demand(response.status != 500, f"result: 500 {body}")
        judged.demand(
            (response.status == 200) == (judged.state == "completed"), "result and state differ"
        )
        judged.demand(isinstance(body, dict), "the result is no object")


def _truth(case: Case, job: dict[str, Any], judged: Judgement) -> None:
    outcomes = [attempt["outcome"] for attempt in job["attempts"]]
    judged.demand(set(outcomes) <= {"completed", "failed"}, f"outcomes: {outcomes}")
    if case.answer.harmless:
        # Pictures and sound can't be told to callers of other dialects.
        untold = case.caller != case.answer.dialect and job["error"] is not None
        well = untold and job["error"]["code"] == "unexpressible_answer"
        judged.demand(well or judged.state == "completed", f"a whole answer failed: {job['error']}")
    resumed = case.route == RESUMED and case.answer.dialect == "responses"
    alone = judged.state == "completed" and outcomes == ["completed"]
    if alone and not resumed and case.manner.__name__ not in ("whole", "endless"):
        whole = may_be_whole(case.answer.dialect, case.answer.body)
        judged.demand(whole, "completed, though it was not whole")
    if case.manner.__name__ == "nonsense" and case.route is None:
        judged.demand(judged.state == "failed", "completed, though there was no answer")


async def _get(session: aiohttp.ClientSession, path: str, judged: Judgement) -> Any:
    async with session.get(path) as response:
        judged.demand(response.status == 200, f"{path}: {response.status}")
        return json.loads(await response.read())


def _plain(body: bytes) -> bytes:
    return _PING.sub(b"", body)


def _is_json(event: Event) -> bool:
    try:
        json.loads(event.data.decode(), parse_int=str)
    except (ValueError, RecursionError):
        return False
    return True

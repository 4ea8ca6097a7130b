"""``/v1/jobs``: submit without waiting, look, list, cancel, retry, delete, issue tickets."""

from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from broker.api.attach import known, narrowed, submit
from broker.api.body import has_body, read_body, read_json
from broker.api.core import account_of, body_limits_of, core_of, request_id_of
from broker.api.examined import examined, submission_of
from broker.api.lost import lost_header
from broker.api.options import check, from_headers
from broker.api.tickets import AFTER_END, TicketScope
from broker.decoding import SLICE
from broker.dialects.body import decode_object
from broker.dialects.model_name import check_model
from broker.dialects.native import failure_object
from broker.errors import BadRequest, StoreFull
from broker.model import Attempt, Job, JobState, Options, check_request_id, job_key
from broker.offload.envelope import SHOWN, NewJob, dialect_named, open_envelope
from broker.offload.tasks import Examine
from broker.queue import Submission
from broker.store.listing import Listed, Wanted

T = TypeVar("T")


_DEEPEST = 32  # objects and arrays within each other, in metadata
_LONGEST_WISH = 4096  # bytes of what a ticket is asked for with


class TicketWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST …/tickets``."""

    scope: TicketScope = "events"


async def create_job(request: Request) -> Response:
    """``POST /v1/jobs`` → 202, or 200 if the job is there already."""
    core = core_of(request)
    core.admit()
    received = await read_body(request, body_limits_of(request))
    if received.reserved is not None:
        options = from_headers(request.scope["headers"])
        task = Examine(
            account=account_of(request),
            request_id=request_id_of(request, request.headers.get("idempotency-key")),
            dialect=None,
            options=options,
        )
        found = await examined(core, task, received)
        submission, own = submission_of(task, found), found.options
    else:
        submission, own = _submission(request, open_envelope(received.data))
        options = from_headers(request.scope["headers"]) if own is None else own
    check_metadata(submission.metadata, core.settings.store.max_metadata)
    request.scope["request_id"] = submission.request_id
    if own is not None:
        options = check(own)
    submission = narrowed(core, submission, options)
    created = await submit(core, submission)
    job = await known(core, submission.key)
    response = job_response(job, 202 if created else 200)
    response.headers.update(lost_header(submission.lost))
    return response


def _submission(request: Request, new: NewJob) -> tuple[Submission, Options | None]:
    """What to make of the body, and the options that it has."""
    body = bytes(new.request)
    call = decode_object(body)
    dialect = dialect_named(new.dialect)
    dialect.check(call)
    given = new.request_id
    if given is None:
        given = request.headers.get("idempotency-key")
    submission = Submission(
        account=account_of(request),
        request_id=request_id_of(request, given),
        dialect=dialect.name,
        request=call,
        body=body,
        metadata=new.metadata,
        keep=dialect.keeps(call),
    )
    return submission, new.options


async def get_job(request: Request) -> Response:
    """``GET /v1/jobs/{request_id}``."""
    return job_response(await core_of(request).store.jobs.get(key_of(request)))


async def cancel_job(request: Request) -> Response:
    """``POST …/cancel`` → the job, cancelled, or in whatever state it had ended in."""
    jobs, key = core_of(request).store.jobs, key_of(request)
    await jobs.cancel(key)
    return job_response(await jobs.get(key))


async def retry_job(request: Request) -> Response:
    """``POST …/retry`` → 202 and the job, queued again; 409 if it can't be."""
    core, key = core_of(request), key_of(request)
    core.admit()
    if not core.has_memory:
        raise StoreFull()
    await core.store.jobs.retry(key, core.limits_of(account_of(request)))
    return job_response(await core.store.jobs.get(key), 202)


async def delete_job(request: Request) -> Response:
    """``DELETE`` → 204; a running job is cancelled first."""
    await core_of(request).store.jobs.delete(key_of(request))
    return Response(status_code=204, headers={"x-request-id": request.path_params["request_id"]})


async def create_ticket(request: Request) -> Response:
    """``POST …/tickets`` → 201 and an address of the job's that needs no key. A body may lack."""
    core, key = core_of(request), key_of(request)
    wanted = TicketWanted()
    if has_body(request.scope):
        data = await read_json(request, _LONGEST_WISH)
        wanted = _decode(data, TicketWanted)
    job = await core.store.jobs.get(key)
    ticket, text = await core.booth.issue(job, wanted.scope)
    ends = ticket.ends_ms(job)
    shown = {
        "object": "ticket",
        "request_id": job.request_id,
        "scope": ticket.scope,
        "url": f"/v1/jobs/{job.request_id}/{ticket.scope}?ticket={text}",
        "expires_at": None if ends is None else ends / 1000,
        "after_end": AFTER_END,
        "not_after": ticket.not_after_ms / 1000,
    }
    headers = {"x-request-id": job.request_id, "cache-control": "no-store"}
    return _json(shown, 201, headers)


async def list_jobs(request: Request) -> Response:
    """``GET /v1/jobs``: newest first; ``next`` is the ``after`` of the next page."""
    query = request.query_params
    unknown = set(query) - {"limit", "after", "state", "model", "since", "until"}
    if unknown:
        name = sorted(unknown)[0]
        raise BadRequest(f"There is no parameter {name!r}.", param=name)
    state, model = query.get("state"), query.get("model")
    if model is not None:
        check_model(model)
    if state is not None and state not in list(JobState):
        raise BadRequest(f"'state' is one of {', '.join(JobState)}.", param="state")

    def keep(job: Listed) -> bool:
        return (state is None or job.state == state) and (model is None or job.model == model)

    wanted = Wanted(
        account=account_of(request),
        limit=int(_number(query.get("limit"), "limit", 1, 100, 20)),
        since_ms=round(_number(query.get("since"), "since", 0, 1e12, 0) * 1000),
        until_ms=round(_number(query.get("until"), "until", 0, 1e12, 4e12 / 1000) * 1000),
        keep=keep,
    )
    core = core_of(request)
    page = await core.store.listing.page(wanted, query.get("after"))
    data: list[msgspec.Raw] = []
    size = 0  # of what was rendered in this turn of the loop
    for job in page.jobs:
        data.append(msgspec.Raw(msgspec.json.encode(describe(job))))
        size += len(bytes(data[-1]))
        if size > SLICE:
            size = 0
            await core.tail.turns.take()
    return _json({"object": "list", "data": data, "next": page.next})


def key_of(request: Request) -> str:
    """The key of the job that the path names.

    Raises:
        BadRequestId: the path names nothing that could be one.
    """
    return job_key(account_of(request), check_request_id(request.path_params["request_id"]))


def job_response(job: Job, status: int = 200) -> Response:
    """A job as JSON."""
    return _json(describe(job), status, {"x-request-id": job.request_id})


def describe(job: Job) -> dict[str, Any]:
    """A job as the API shows it. Times are Unix seconds."""
    path = f"/v1/jobs/{job.request_id}"
    return {
        "object": "job",
        "request_id": job.request_id,
        "state": job.state,
        "dialect": job.dialect,
        "model": job.model,
        "created_at": job.created_ms / 1000,
        "started_at": job.started_ms / 1000 if job.started_ms else None,
        "ended_at": job.ended_ms / 1000 if job.ended_ms else None,
        "cursor": job.last,
        "delivered": job.delivered,
        "attempts": [_attempt(attempt) for attempt in job.attempts],
        "usage": job.usage,
        "error": failure_object(job.error) if job.error else None,
        "metadata": job.metadata,
        "options": msgspec.to_builtins(job.options),
        "deadline_at": job.deadline_ms / 1000 if job.deadline_ms else None,
        "links": {
            "self": path,
            "events": f"{path}/events",
            "result": f"{path}/result",
            "cancel": f"{path}/cancel",
        },
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "provider": attempt.provider or None,
        "model": attempt.model or None,
        "started_at": attempt.started,
        "ended_at": attempt.ended,
        "outcome": attempt.outcome,
        "provider_id": attempt.provider_id,
        "first_token_seconds": attempt.first_token,
        "usage": attempt.usage,
        "error": failure_object(attempt.error) if attempt.error else None,
        **({"lost": attempt.lost} if attempt.lost else {}),
    }


def _decode(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(str(error)[:SHOWN]) from error


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def check_metadata(metadata: dict[str, Any] | None, limit: int) -> None:
    """Return if a record may keep this: it stays for days, and every listing shows it.

    Raises:
        BadRequest: it is over ``limit`` bytes as JSON, or nested deeper than ``_DEEPEST``.
    """
    level: list[Any] = [metadata]
    for _ in range(_DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            break
    else:
        raise BadRequest(f"'metadata' may be nested {_DEEPEST} deep.", param="metadata")
    size = len(msgspec.json.encode(metadata)) if metadata else 0
    if size > limit:
        raise BadRequest(f"'metadata' may have {limit} bytes; it has {size}.", param="metadata")


def _inside(value: Any) -> list[Any]:
    """What a value of JSON holds, if it is an object or an array."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _number(text: str | None, name: str, low: float, high: float, default: float) -> float:
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise BadRequest(f"{name!r} must be a number from {low:g} to {high:g}.", param=name)
    return number

"""The schemas of what is answered, for ``/openapi.json``."""

from typing import Any

from broker.model import JobState

_Schema = dict[str, Any]


def answered() -> _Schema:
    """The schemas by name."""
    return {**_chat(), **_jobs(), **_operations()}


def _object(required: str, **properties: Any) -> _Schema:
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(item: _Schema, **more: Any) -> _Schema:
    data = {"type": "array", "items": item}
    return _object(" ".join(["object", "data", *more]), object={"const": "list"}, data=data, **more)


_TEXT: _Schema = {"type": "string"}
_TEXT_OR_NULL: _Schema = {"type": ["string", "null"]}
_NUMBER_OR_NULL: _Schema = {"type": ["number", "null"]}
_INTEGER: _Schema = {"type": "integer"}
_OBJECT: _Schema = {"type": "object"}
_OBJECTS: _Schema = {"type": "array", "items": _OBJECT}
_OBJECT_OR_NULL: _Schema = {"type": ["object", "null"]}


def _chat() -> _Schema:
    error = _object(
        "message type param code",
        message=_TEXT,
        type=_TEXT,
        param=_TEXT_OR_NULL,
        code=_TEXT_OR_NULL,
        provider_status=_INTEGER,
    )
    return {
        "ChatAnswer": _object("choices", choices=_OBJECTS),
        "ChatError": _object("error", error=error),
        "Listed": _list(_object("id", id=_TEXT)),
        "Model": _object("id object owned_by", id=_TEXT, object=_TEXT, owned_by=_TEXT),
    }


def _jobs() -> _Schema:
    job = _object(
        "object request_id state dialect model created_at cursor links",
        object={"const": "job"},
        request_id=_TEXT,
        state={"enum": [state.value for state in JobState]},
        dialect=_TEXT,
        model=_TEXT,
        created_at={"type": "number"},
        started_at=_NUMBER_OR_NULL,
        ended_at=_NUMBER_OR_NULL,
        cursor=_INTEGER,
        delivered={"type": "boolean"},
        attempts=_OBJECTS,
        usage=_OBJECT_OR_NULL,
        error=_OBJECT_OR_NULL,
        metadata=_OBJECT_OR_NULL,
        links=_OBJECT,
    )
    ticket = _object(
        "object request_id scope url expires_at after_end not_after",
        object={"const": "ticket"},
        request_id=_TEXT,
        scope={"enum": ["events", "result"]},
        url=_TEXT,
        expires_at=_NUMBER_OR_NULL,
        after_end=_INTEGER,
        not_after={"type": "number"},
    )
    return {
        "Job": job,
        "Ticket": ticket,
        "Jobs": _list({"$ref": "#/components/schemas/Job"}, next=_TEXT_OR_NULL),
    }


def _operations() -> _Schema:
    problem = _object(
        "type title status detail code",
        type=_TEXT,
        title=_TEXT,
        status=_INTEGER,
        detail=_TEXT,
        code=_TEXT_OR_NULL,
        param=_TEXT_OR_NULL,
        message=_TEXT,  # from here on: where the answer is a job's failure
        provider_status={"type": ["integer", "null"]},
        retryable={"type": "boolean"},
    )
    checks = {"type": "object", "additionalProperties": {"type": "boolean"}}
    return {
        "Problem": problem,
        "Readiness": _object(
            "status checks", status={"enum": ["ready", "not ready"]}, checks=checks
        ),
    }

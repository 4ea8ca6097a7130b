"""What the child does: one function a task. Blocking, and with nothing else to do meanwhile.

What is large is let go of as soon as it is not needed: the peak is what is bounded.
"""

import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from broker.catalog import Catalog, catalog_of, meaning
from broker.dialects.body import decode_object, short_fields
from broker.dialects.messages.counting import count
from broker.dialects.messages.request import check_count
from broker.dialects.neutral.expressible import expressible
from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import Put, put
from broker.dialects.passed import passed_call
from broker.dialects.posted import Way, posted
from broker.dialects.registry import DIALECTS
from broker.dialects.responses.history import names_history
from broker.dialects.responses.resource import input_page
from broker.dialects.responses.socket_event import parts_of
from broker.dialects.wire import encode
from broker.errors import JobGone
from broker.model import Outline, check_request_id, job_key, request_digest
from broker.offload.envelope import NewJob, dialect_named, open_envelope
from broker.offload.history import History
from broker.offload.storage import Storage
from broker.offload.tasks import (
    Count,
    Counted,
    Examine,
    Examined,
    Items,
    Open,
    Pass,
    Passed,
    Prepare,
    Prepared,
    Task,
)
from broker.routing import policy_for
from broker.settings import Settings
from broker.store.model_lists import usable
from broker.store.new_job import Upload

Outcome = tuple[Any, bytes]  # a result, and a payload


class Work:
    """The tasks of one child."""

    def __init__(self, settings: Settings, storage: Storage) -> None:
        self._settings = settings
        self._storage = storage
        self._tasks: dict[type[Any], Callable[[Any, bytearray], Outcome]] = {
            Examine: self._examine,
            Items: self._items,
            Count: self._count,
            Open: self._open,
            Pass: self._pass,
            Prepare: self._prepare,
        }

    def do(self, task: Task, data: bytearray) -> Outcome:
        """Do a task.

        Raises:
            StreamholdError: it can't be done; what the caller is told. MemoryError.
        """
        return self._tasks[type(task)](task, data)

    def _examine(self, task: Examine, data: bytearray) -> Outcome:
        body: bytes | bytearray = data
        named, envelope = task.dialect, None
        if named is None:
            envelope = open_envelope(data)
            body, named = bytes(envelope.request), envelope.dialect
        dialect = dialect_named(named)
        call = decode_object(body)
        if task.headers:
            call |= task.headers
            body = encode(call)
        dialect.check(call)
        request_id = _request_id(task, envelope)
        options = envelope.options if envelope is not None and envelope.options else task.options
        digest = request_digest(dialect.name, call)
        outline = Outline(short_fields(call), dialect.prompt(call), len(body))
        routed = meaning(self._settings, call["model"], dialect.name, self._catalog)
        policy = policy_for(self._settings, routed, options)
        upload = None
        if task.upload:
            key = job_key(task.account, request_id)
            name = secrets.token_hex(12)
            upload = Upload(name, self._storage.upload(key, name, body))
        del body, data
        lost = expressible(self._settings, dialect.name, call, policy.targets, policy.drop_tools)
        return (
            Examined(
                request_id=request_id,
                dialect=dialect.name,
                digest=digest,
                keep=dialect.keeps(call),
                outline=outline,
                upload=upload,
                metadata=envelope.metadata if envelope is not None else None,
                options=envelope.options if envelope is not None else None,
                lost=lost,
                meaning=routed if routed != call["model"] else None,
            ),
            b"",
        )

    def _items(self, task: Items, _data: bytearray) -> Outcome:
        request = decode_object(self._stored(task.key))
        newest_first, limit = task.newest_first, task.limit
        page = input_page(task.name, request, newest_first, limit, task.after)
        return None, encode(page)

    def _count(self, task: Count, data: bytearray) -> Outcome:
        call = decode_object(data)
        call |= task.headers
        model, betas = check_count(call)
        return Counted(model, betas, count(call)), msgspec.json.encode(call)

    def _open(self, _task: Open, data: bytearray) -> Outcome:
        parts = parts_of(data)
        return parts.asked, len(parts.input).to_bytes(8, "big") + parts.input + parts.rest

    def _pass(self, task: Pass, data: bytearray) -> Outcome:
        call = passed_call(task.dialect, data)
        return Passed(call.model, call.names), call.rest

    def _prepare(self, task: Prepare, _data: bytearray) -> Outcome:
        dialect, provider = DIALECTS[task.dialect], task.provider
        request = decode_object(self._stored(task.key))
        if task.resolve is not None and names_history(request):
            server = self._settings.server
            history = History(self._storage, task.resolve, server.max_body, server.max_parts)
            request = history.written_out(request)
        if task.partial is not None:
            request = dialect.continued(request, task.partial)
        asked = Put(request)
        if provider.dialect != dialect.name:
            asked = put(
                *(request, dialect.name, provider.dialect, task.model),
                Terms.of(task.name, provider, task.drop),
                partial=bool(task.flag),
                resumes=provider.resumes,
            )
            request = asked.request
        way = Way(task.model, task.streams, task.flag, task.previous)
        made = Prepared(
            *(short_fields(request), asked.space, asked.cut, asked.lost, asked.given, asked.names)
        )
        return made, posted(provider, request, way)

    def _catalog(self) -> Catalog:
        """What the providers list; asked of the store for each bare name, which large bodies have
        now and then."""
        kept = self._storage.model_lists()
        return catalog_of(self._settings, usable(self._settings, kept))

    def _stored(self, key: str) -> bytes:
        body = self._storage.body(key)
        if body is None:
            raise JobGone("Its request is no longer kept.")
        return body


def _request_id(task: Examine, envelope: NewJob | None) -> str:
    named = envelope.request_id if envelope is not None else None
    return task.request_id if named is None else check_request_id(named)

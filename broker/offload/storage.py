"""The child's own way to the store: bodies go there and come from there past the parent.

A body is uploaded under a name of its own, which ``create.lua`` makes the job's; one that no job
was made of is gone after a minute.
"""

from collections.abc import Iterator
from typing import Any, cast

from redis import Redis

from broker.codec import parse_definition
from broker.decoding import Decoding
from broker.frames import Frame
from broker.model import Job
from broker.settings import Settings
from broker.store import bodies
from broker.store.connection import store_errors
from broker.store.items import item_key
from broker.store.keys import Keys
from broker.store.model_lists import Kept, names_of, unpack
from broker.store.record import UNREADABLE, to_job

_UPLOAD_MS = 60_000
_ENTRIES = 16  # of a stream, read at once: one may be large


class Storage:
    """A blocking client of the store, connected when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self._client = Redis.from_url(
            settings.store_url.reveal(),
            client_name="offload",
            socket_timeout=settings.store.timeout,
            socket_connect_timeout=settings.store.timeout,
        )
        self._keys = Keys(settings.store.deployment, settings.store.partitions)
        self._compress_above = settings.store.compress_above

    def upload(self, key: str, name: str, body: bytes | bytearray) -> int:
        """Store the body of a job that is about to be made; the bytes that it takes there.

        Raises:
            StoreAway, StoreFull.
        """
        packed = bodies.pack(body, self._compress_above)
        with store_errors():
            upload = self._keys.partition(key).upload(name)
            self._client.set(upload, packed, px=_UPLOAD_MS)
        return len(packed)

    def model_lists(self) -> dict[str, Kept]:
        """The providers' lists of models.

        Raises:
            StoreAway.
        """
        with store_errors():
            name, _ = names_of(self._keys.partitions[0].prefix)
            return unpack(self._client.hgetall(name))  # type: ignore[arg-type]

    def body(self, key: str) -> bytes | None:
        """The body of a job, while it is kept.

        Raises:
            StoreAway.
        """
        with store_errors():
            packed = self._client.get(self._keys.partition(key).body(key))
        return bodies.unpack(packed) if packed else None  # type: ignore[arg-type]

    def secret(self) -> bytes | None:
        """What responses' ids are made with: see ``store.response_ids``.

        Raises:
            StoreAway.
        """
        with store_errors():
            return cast(bytes | None, self._client.get(self._keys.ticket_key))

    def job(self, key: str) -> Job | None:
        """A job's record; None if there is none, or none that can be read.

        Raises:
            StoreAway.
        """
        with store_errors():
            name = self._keys.partition(key).job(key)
            record = cast(dict[bytes, bytes], self._client.hgetall(name))
        if not record or record.get(b"state") == b"deleted":
            return None
        try:
            return to_job(key, record)
        except UNREADABLE:
            return None

    def job_of_item(self, account: str, item_id: str) -> str | None:
        """The key of the account's job whose answer has the item; None if none is known.

        Raises:
            StoreAway.
        """
        with store_errors():
            found = cast(bytes | None, self._client.get(item_key(self._keys, account, item_id)))
        return None if found is None else found.decode()

    def frames(self, key: str) -> Iterator[list[Frame]]:
        """An ended stream's frames, in parts; none if it is no longer kept.

        Raises:
            StoreAway.
        """
        partition = self._keys.partition(key)
        with store_errors():
            whole = cast(bytes | None, self._client.get(partition.ended(key)))
            kept = cast(dict[bytes, bytes], self._client.hgetall(partition.templates(key)))
        templates = {int(number): parse_definition(value) for number, value in kept.items()}
        payloads = self._payloads(partition.stream(key)) if whole is None else [_packed(whole)]
        for payload in payloads:
            decoding = Decoding(payload, templates)
            while not decoding.done:
                yield decoding.some()

    def _payloads(self, stream: str) -> Iterator[bytes]:
        start = "-"
        while True:
            with store_errors():
                rows = cast(list[Any], self._client.xrange(stream, start, "+", count=_ENTRIES))
            for _, fields in rows:
                yield next(iter(fields.values()))
            if len(rows) < _ENTRIES:
                return
            start = b"(" + rows[-1][0]


def _packed(whole: bytes) -> bytes:
    """The payload of a stream that is kept whole: its last number and a line's end go before."""
    return whole.partition(b"\n")[2]

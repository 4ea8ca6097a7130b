"""The child's own way to the store: bodies go there and come from there past the parent.

A body is uploaded under a name of its own, which ``create.lua`` makes the job's; one that no job
was made of is gone after a minute.
"""

from redis import Redis

from broker.settings import Settings
from broker.store import bodies
from broker.store.connection import store_errors
from broker.store.keys import Keys
from broker.store.model_lists import Kept, names_of, unpack

_UPLOAD_MS = 60_000


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

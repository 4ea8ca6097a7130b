"""The providers' lists of models, kept for all processes in the deployment's first partition.

``models`` is a hash, a field a provider; ``models:version`` counts its changes, so that a process
that has read it asks for one number.
"""

import zlib
from collections.abc import Awaitable, Mapping
from typing import Any, cast

import msgspec
from redis.asyncio import Redis

from broker.catalog import Listed
from broker.settings import Provider, Settings
from broker.store.connection import store_errors
from broker.store.keys import Keys


class Kept(msgspec.Struct, frozen=True):
    """A provider's last list, and when it was asked. Times are Unix seconds.

    ``source`` is what was asked: a list of another address is of no use. ``failed`` is when it was
    last asked in vain, None if it answered.
    """

    source: str
    models: tuple[Listed, ...] = ()
    asked: float = 0.0
    failed: float | None = None


def source_of(provider: Provider) -> str:
    """What is asked for a provider's list; its key may be another one's tomorrow."""
    return f"{provider.dialect} {provider.base_url}"


def names_of(prefix: str) -> tuple[str, str]:
    """The keys of the lists and of their version, under the first partition's prefix."""
    return f"{prefix}models", f"{prefix}models:version"


_kept = msgspec.msgpack.Decoder(Kept).decode


def unpack(record: Mapping[bytes, bytes]) -> dict[str, Kept]:
    """The lists in the hash; what was damaged is left out, and asked for again."""
    found = {}
    for name, packed in record.items():
        try:
            found[name.decode()] = _kept(zlib.decompress(packed))
        except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return found


def usable(settings: Settings, kept: Mapping[str, Kept]) -> dict[str, tuple[Listed, ...]]:
    """The models of the providers that there are, as far as they are what was asked."""
    found = {}
    for name, provider in settings.providers.items():
        if (each := kept.get(name)) is not None and each.source == source_of(provider):
            found[name] = each.models
    return found


class ModelLists:
    """The lists of a deployment."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._hash, self._version = names_of(keys.partitions[0].prefix)

    async def version(self) -> int:
        """Which is another number after each change; 0 before the first.

        Raises:
            StoreAway.
        """
        with store_errors():
            found = await cast(Awaitable[bytes | None], self._client.get(self._version))
        return int(found or 0)

    async def read(self) -> dict[str, Kept]:
        """The lists, by provider.

        Raises:
            StoreAway.
        """
        with store_errors():
            record = await cast(Awaitable[dict[bytes, bytes]], self._client.hgetall(self._hash))
        return unpack(record)

    async def keep(self, provider: str, kept: Kept) -> None:
        """Put a provider's list in place of the last one.

        Raises:
            StoreAway, StoreFull.
        """
        packed = zlib.compress(msgspec.msgpack.encode(kept), 1)
        with store_errors():
            pipe: Any = self._client.pipeline(transaction=True)
            pipe.hset(self._hash, provider, packed)
            pipe.incr(self._version)
            await pipe.execute()

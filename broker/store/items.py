"""Which response an item is of: items that a provider has named, of responses that are kept.

An item that was made here has its response's id in its own (``dialects.responses.minted``). One of
a provider that speaks the dialect has an id of the provider's making, by which a later request may
name it. So for each of them a small key leads to its job, under a hash of account and id: another
account's item is not found. It stays for as long as a stream does.
"""

from collections.abc import Iterable, Sequence

from redis.asyncio import Redis

from broker.model import job_key
from broker.settings import Settings
from broker.store.connection import store_errors
from broker.store.keys import Keys

_MOST = 256  # of one response; what is beyond is found in it by nobody


def item_key(keys: Keys, account: str, item_id: str) -> str:
    """The key that leads to the job whose answer has the item."""
    name = job_key(account, f"item {item_id}")
    return keys.partition(name).item(name)


class Items:
    """Of one deployment."""

    def __init__(self, client: Redis, keys: Keys, settings: Settings) -> None:
        self._client = client
        self._keys = keys
        self._ttl_ms = int(settings.store.stream_ttl * 1000)

    async def keep(self, account: str, item_ids: Sequence[str], key: str) -> None:
        """Remember that these items are of this job's answer.

        Raises:
            StoreAway, StoreFull.
        """
        names = _unique(item_key(self._keys, account, each) for each in item_ids[:_MOST])
        with store_errors():
            pipe = self._client.pipeline(transaction=False)
            for name in names:
                pipe.set(name, key, px=self._ttl_ms)
            await pipe.execute()


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))

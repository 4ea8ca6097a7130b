"""Would this store lose data? Asked once, at the start of every process, and said loudly.

Streamhold's promises hold on an append-only file and a policy that evicts nothing. A managed
store may not tell (CONFIG is often forbidden); then nothing is said.
"""

from redis.asyncio import Redis

from broker import log
from broker.errors import StoreAway, StreamholdError
from broker.store.connection import store_errors


async def warn(client: Redis) -> list[str]:
    """Log each danger of the store's configuration; returns them."""
    try:
        found = await _dangers(client)
    except StoreAway:
        return []  # it will be heard of soon enough
    except StreamholdError as error:
        log.info("store.configuration_unknown", reason=error.detail.partition(" ")[0])
        return []
    for danger in found:
        log.warning("store.would_lose_data", danger=danger)
    return found


async def _dangers(client: Redis) -> list[str]:
    with store_errors():
        config = {
            **await client.config_get("append*"),
            **await client.config_get("maxmemory*"),
        }
    found = []
    if config.get("appendonly") == "no":
        found.append("appendonly is no: a restart of the store loses jobs and streams")
    elif config.get("appendfsync") == "no":
        found.append("appendfsync is no: a crash of its host loses what the system held back")
    policy = config.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        found.append(f"maxmemory-policy is {policy}: a full store evicts queued and running jobs")
    if config.get("maxmemory") == "0":
        found.append("maxmemory is 0: no job is refused before the machine's memory is full")
    return found

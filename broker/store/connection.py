"""redis-py clients for everything that is not a hot path, and their errors in our terms."""

import asyncio
from contextlib import suppress
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)

from broker.errors import StoreAway
from broker.store import greeting
from broker.store.failover import Connections
from broker.store.refusals import word_of
from broker.store.scripts import ReplyError, translate

Client = Redis


class Pool(ConnectionPool):
    """redis-py's pool; connections of an earlier epoch of ``connections`` are made again."""

    connections: Connections

    async def ensure_connection(self, connection: Any) -> None:
        epoch = self.connections.epoch
        if getattr(connection, "epoch", epoch) != epoch:
            await connection.disconnect()
        connection.epoch = epoch
        await super().ensure_connection(connection)


def make_client(url: str, connections: Connections, *, name: str, timeout: float) -> Redis:
    """A client that answers in bytes. It never repeats a command by itself.

    ``timeout`` is for one command, in seconds; a blocking pop is given its own connection.
    """
    pool: Pool = Pool.from_url(
        url,
        client_name=name,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        health_check_interval=0,
        redis_connect_func=_greet,
    )
    pool.connections = connections
    return Redis.from_pool(pool)


async def _greet(connection: Any) -> None:
    """What redis-py says over a new connection, and whether our store is at its other end."""
    await connection.on_connect()
    for section in greeting.SECTIONS:
        await connection.send_command("INFO", section, check_health=False)
    sections: list[bytes] = []
    for _ in greeting.SECTIONS:
        with suppress(ResponseError):  # a managed store may not let us ask
            sections.append(await connection.read_response())
    refusal = greeting.read(sections).refusal
    if refusal:
        raise ReadOnlyError(refusal)


# redis-py takes the code word of some errors off.
_WORDS: dict[type[ResponseError], str] = {
    NoPermissionError: "NOPERM ",
    NoScriptError: "NOSCRIPT ",
    OutOfMemoryError: "OOM ",
    ReadOnlyError: "READONLY ",
}


def as_sent(error: ResponseError) -> ReplyError:
    """The error reply behind an error of redis-py."""
    return ReplyError(_WORDS.get(type(error), "") + str(error))


class ClientExecutor:
    """An executor over redis-py: for stores that have no wire of their own (fakeredis)."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def execute(self, *args: str | bytes | int) -> Any:
        try:
            return await self._client.execute_command(*args)  # type: ignore[no-untyped-call]
        except (ConnectionError, TimeoutError) as error:
            raise StoreAway(type(error).__name__) from error
        except ResponseError as error:
            raise as_sent(error) from error
        except RedisError as error:
            raise StoreAway(type(error).__name__) from error

    async def server(self) -> str:
        """It is not known."""
        return ""


class ClientLine(ClientExecutor):
    """The same with one command after the other, as over a single connection."""

    usable = True
    _latest: asyncio.Future[Any] | None = None

    async def connect(self) -> None:
        """There is nothing to connect."""

    def begin(self, *args: str | bytes | int) -> asyncio.Future[Any]:
        self._latest = asyncio.ensure_future(self._behind(self._latest, args))
        return self._latest

    async def execute(self, *args: str | bytes | int) -> Any:
        return await self.begin(*args)

    async def close(self) -> None:
        if self._latest is not None:
            self._latest.cancel()

    async def _behind(
        self, before: asyncio.Future[Any] | None, args: tuple[str | bytes | int, ...]
    ) -> Any:
        if before is not None:
            await asyncio.wait((before,))
        return await super().execute(*args)


class store_errors:
    """Turns redis-py's errors within a block into StoreAway, StoreFull or StoreRefused."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, AuthenticationError | ConnectionError | TimeoutError | OSError):
            raise StoreAway(type(error).__name__) from error
        if isinstance(error, ResponseError):
            raise translate(as_sent(error)) from error
        if isinstance(error, RedisError):  # an answer that is none of the protocol's
            raise StoreAway(type(error).__name__) from error
        if type(error) is RuntimeError:  # uvloop's word for a write to a transport just closed
            raise StoreAway(type(error).__name__) from error


async def each(pipe: Any) -> list[Any]:
    """The replies of a pipeline; None in place of one whose key is of another type.

    So a key that was damaged costs its own reply only. Use it within ``store_errors``.
    """
    replies: list[Any] = await pipe.execute(raise_on_error=False)
    for place, reply in enumerate(replies):
        if isinstance(reply, ResponseError) and word_of(str(reply)) == "WRONGTYPE":
            replies[place] = None
        elif isinstance(reply, Exception):
            raise reply
    return replies

"""The upstream side of the worker: request out, events in, errors classified.

``Providers`` is the way in; ``base`` has the contract. A dialect is one module with one
class, listed in ``_DIALECTS``, and ``translated`` lets it serve jobs of the others; everything
about HTTP that dialects share is ``exchange``.
"""

import asyncio
from collections.abc import Callable

import aiohttp

from broker import log
from broker.dialects.neutral.terms import Terms
from broker.model import Attempt, Job
from broker.offload import Offload
from broker.settings import Settings
from workers.providers import litellm
from workers.providers.allowance import Allowance
from workers.providers.base import Call, Held, Provider, ProviderFailure
from workers.providers.chat import ChatProvider
from workers.providers.exchange import new_session
from workers.providers.gemini import GeminiProvider
from workers.providers.library import LibraryProvider
from workers.providers.messages import MessagesProvider
from workers.providers.responses import ResponsesProvider
from workers.providers.translated import speaking
from workers.providers.upstream import Upstream

_DIALECTS: dict[str, type[Upstream]] = {
    "chat": ChatProvider,
    "responses": ResponsesProvider,
    "messages": MessagesProvider,
    "gemini": GeminiProvider,
}


_PATIENCE = 1.0  # seconds that calls which are being stopped may hold up the closing


class Providers:
    """Every configured provider, over one shared pool of connections."""

    def __init__(self, settings: Settings, epoch: Callable[[], int] = lambda: 0) -> None:
        """Loads the libraries that providers need, for seconds. ``epoch`` is ``Offload``'s.

        Raises:
            ConfigError: one is not installed.
        """
        self._settings = settings
        self.offload = Offload(settings, epoch)
        needed = any(provider.library for provider in settings.providers.values())
        self._allowance = Allowance(settings.server.max_body)
        self._library = litellm.load() if needed else None
        self._session: aiohttp.ClientSession | None = None
        self._made: dict[str, Provider] = {}
        self._stops: set[asyncio.Task[None]] = set()

    def get(self, name: str, dialect: str = "chat") -> Provider:
        """The provider of this name, for jobs of this dialect, whatever its own is.

        The first call makes the pool and needs a running loop.

        Raises:
            KeyError: none has this name.
        """
        if self._session is None:
            self._session = new_session()
            self._made = {
                each: self._make(each, self._session) for each in self._settings.providers
            }
        settings = self._settings.providers[name]
        return speaking(self._made[name], settings.dialect, dialect, Terms.of(name, settings))

    def _make(self, name: str, session: aiohttp.ClientSession) -> Provider:
        settings = self._settings
        provider, key = settings.providers[name], settings.api_keys.get(name)
        if self._library is not None and provider.library is not None:
            return LibraryProvider(name, provider, key, self._library)
        return _DIALECTS[provider.dialect](name, provider, key, session, self._allowance)

    def stop(self, job: Job, attempt: Attempt) -> None:
        """Have a call ended that its provider may go on with by itself; not waited for."""
        name = attempt.provider
        if not is_going_on(attempt) or name not in self._settings.providers:
            return
        if not self._settings.providers[name].resumes:
            return
        call = Call(
            request_id=job.request_id,
            model=attempt.model,
            request={},
            key=job.key,
            attempt=attempt.number,
            held=Held(attempt.provider_id),
        )
        task = asyncio.create_task(_stop(self.get(name, job.dialect), call), name=f"stop {job.key}")
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def close(self) -> None:
        """Close every connection, calls in flight included; ``get`` starts anew."""
        if self._stops:
            await asyncio.wait(self._stops, timeout=_PATIENCE)
        session, self._session = self._session, None
        self._made = {}
        if session is not None:
            await session.close()
        await self.offload.close()


def is_going_on(attempt: Attempt) -> bool:
    """Whether a provider that resumes may still be at it, for all that the attempt tells."""
    failed_there = attempt.error is not None and attempt.error.type == "provider_stream_error"
    return bool(attempt.provider) and attempt.outcome != "completed" and not failed_there


async def _stop(provider: Provider, call: Call) -> None:
    try:
        await provider.stop(call)
    except ProviderFailure as error:
        log.warning("attempt.unstopped", request_id=call.request_id, type=error.failure.type)

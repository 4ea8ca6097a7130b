"""The upstream side of the worker: request out, events in, errors classified.

``Providers`` is the way in; ``base`` has the contract. A dialect is one module with one
class, listed in ``_DIALECTS``, and ``translated`` lets it serve jobs of the others; everything
about HTTP that dialects share is ``exchange``.
"""

import aiohttp

from broker.settings import Settings
from workers.providers import litellm
from workers.providers.base import Provider
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


class Providers:
    """Every configured provider, over one shared pool of connections."""

    def __init__(self, settings: Settings) -> None:
        """Loads the libraries that providers need, for seconds.

        Raises:
            ConfigError: one is not installed.
        """
        self._settings = settings
        needed = any(provider.library for provider in settings.providers.values())
        self._library = litellm.load() if needed else None
        self._session: aiohttp.ClientSession | None = None
        self._made: dict[str, Provider] = {}

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
        return speaking(self._made[name], settings.dialect, dialect, settings.quirks)

    def _make(self, name: str, session: aiohttp.ClientSession) -> Provider:
        settings = self._settings
        provider, key = settings.providers[name], settings.api_keys.get(name)
        if self._library is not None and provider.library is not None:
            return LibraryProvider(name, provider, key, self._library)
        return _DIALECTS[provider.dialect](name, provider, key, session)

    async def close(self) -> None:
        """Close every connection, calls in flight included; ``get`` starts anew."""
        session, self._session = self._session, None
        self._made = {}
        if session is not None:
            await session.close()

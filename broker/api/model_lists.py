"""Keeping the catalog: asks providers for their models now and then, beside all calls.

    one process at a time asks a provider ──▶ store ──▶ each process reads it and makes its catalog

Every API process looks for a new version every few seconds, and whether a list has grown old. The
first to mark an old one asks its provider; how long that takes, and how much it may say, is
bounded. A provider that can't answer keeps its last list, and is asked again after some minutes.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping

import aiohttp
from msgspec.structs import replace

from broker import log
from broker.catalog import Catalog, Listed, catalog_of, listing
from broker.errors import StoreAway
from broker.settings import Settings
from broker.store import Store
from broker.store.model_lists import Kept, source_of, usable

_LOOK = 2.0  # seconds between looks, give or take a quarter
_AGAIN = 300.0  # seconds after a failure, at most
_AT_ONCE = 4  # providers
_MOST_BYTES = 4 * 1024 * 1024  # of a page
_MOST_PAGES = 20
_LEEWAY = 10.0  # seconds that a provider is marked beyond the time that asking may take
_NO_LIST = (404, 405, 501)  # statuses of a provider that has none


class _Refused(Exception):
    """A provider gave no list."""

    def __init__(self, reason: str, status: int = 0) -> None:
        self.status = status
        super().__init__(reason)


class ModelListKeeper:
    """One API process's. ``http`` gives its client, at the first use."""

    def __init__(
        self, settings: Settings, store: Store, http: Callable[[], aiohttp.ClientSession]
    ) -> None:
        self._settings = settings
        self._store = store
        self._http = http
        self._kept: Mapping[str, Kept] = {}
        self._version = 0
        self._catalog = catalog_of(settings, {})
        self._busy = asyncio.Semaphore(_AT_ONCE)

    def catalog(self) -> Catalog:
        """What is known of models here; never waits for anything."""
        return self._catalog

    async def run(self) -> None:
        """Look and ask until cancelled. A store that is away is waited for."""
        while True:
            try:
                await self.look()
                if self._settings.models.ask:
                    await self.refresh()
            except StoreAway:
                pass
            await asyncio.sleep(_LOOK * random.uniform(0.75, 1.25))

    async def look(self) -> None:
        """Read the lists, if others have changed them.

        Raises:
            StoreAway.
        """
        version = await self._store.model_lists.version()
        if version == self._version:
            return
        kept = await self._store.model_lists.read()
        lists = usable(self._settings, kept)
        self._catalog = await asyncio.to_thread(catalog_of, self._settings, lists)
        self._kept, self._version = kept, version

    async def refresh(self) -> None:
        """Ask the providers whose lists have grown old, but for those that others ask.

        Raises:
            StoreAway, StoreFull.
        """
        now = time.time()
        due = [
            name
            for name, provider in self._settings.providers.items()
            if listing.is_listing(provider) and self._is_due(name, now)
        ]
        if due:
            # A gather that raises for one of them forgets that it was cancelled itself.
            found = await asyncio.gather(*map(self._ask, due), return_exceptions=True)
            for error in found:
                if error is not None:
                    raise error
            await self.look()

    def _is_due(self, name: str, now: float) -> bool:
        kept, refresh = self._kept.get(name), self._settings.models.refresh
        if kept is None or kept.source != source_of(self._settings.providers[name]):
            return True
        if kept.failed is not None and abs(now - kept.failed) < min(refresh, _AGAIN):
            return False
        return abs(now - kept.asked) >= refresh  # abs: the clock may have been set back

    async def _ask(self, name: str) -> None:
        seconds = self._settings.models.timeout
        async with self._busy:
            alone = min(seconds + _LEEWAY, self._settings.models.refresh)
            if not await self._store.mark(f"models:asked:{name}", alone):
                return
            source, now = source_of(self._settings.providers[name]), time.time()
            last = self._kept.get(name)
            if last is None or last.source != source:
                last = Kept(source)
            try:
                async with asyncio.timeout(seconds):
                    models = await self._listed(name)
            except _Refused as error:
                gone = error.status in _NO_LIST and not last.models
                log.info("models.not_listed", provider=name, reason=str(error))
                kept = replace(last, asked=now if gone else last.asked, failed=now)
            except (aiohttp.ClientError, OSError, ValueError) as error:  # a timeout is an OSError
                log.info("models.not_listed", provider=name, reason=type(error).__name__)
                kept = replace(last, failed=now)
            else:
                log.info("models.listed", provider=name, models=len(models))
                kept = Kept(source, models, asked=now)
            await self._store.model_lists.keep(name, kept)

    async def _listed(self, name: str) -> tuple[Listed, ...]:
        """All that a provider lists, as far as that is bounded."""
        provider, most = self._settings.providers[name], self._settings.models.most
        key = self._settings.api_keys.get(name)
        found: dict[str, Listed] = {}
        after: str | None = None
        for _ in range(_MOST_PAGES):
            address, headers = listing.question(provider, key, after)
            page = await asyncio.to_thread(
                listing.read, provider, await self._got(address, headers)
            )
            for each in page.models:
                found.setdefault(each.id, each)
            if page.after is None or page.after == after or len(found) >= most:
                break
            after = page.after
        return tuple(found.values())[:most]

    async def _got(self, address: str, headers: Mapping[str, str]) -> bytearray:
        # A key goes to no other host.
        async with self._http().get(address, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                raise _Refused(f"status {response.status}", response.status)
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > _MOST_BYTES:
                    raise _Refused("too long")
            return body

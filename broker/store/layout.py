"""The layout: how many partitions a deployment's data is spread over, kept in the store.

A job is found by the hash of its key, modulo that number: with another one every job there is
would be looked for in the wrong place, in silence. So the first process that starts on a new store
writes the number down, and a process with another one does not run.
"""

from broker.errors import ConfigError
from broker.store.keys import Keys
from broker.store.scripts import Scripts


class Layout:
    """``known`` once the store has said that it is ours."""

    def __init__(self, scripts: Scripts, keys: Keys) -> None:
        self._scripts = scripts
        self._name = keys.layout
        self._partitions = len(keys.partitions)
        self.known = False

    async def check(self) -> None:
        """Return if the data is laid out as the settings say, or if there is none yet.

        Raises:
            ConfigError: it is laid out otherwise.
            StoreAway.
        """
        there = int(await self._scripts.run("first", self._name, self._partitions, 0))
        if there != self._partitions:
            raise ConfigError(
                f"store.partitions is {self._partitions}, and the data in the store was made with "
                f"{there}. Set it back to {there}; or name another store.deployment, or an empty "
                "store, to begin without that data."
            )
        self.known = True

"""Names in the store: partitions, keys, channels.

All keys of a partition share the hash tag ``{pN}``, so that a script touches one slot and a
cluster spreads the partitions. The names a script derives from the partition's prefix are
listed in its header; the few that are read without a script are here.
"""

import zlib

import msgspec


class Partition(msgspec.Struct, frozen=True):
    """One share of the jobs; ``prefix`` is the KEYS[1] of every script."""

    number: int
    prefix: str

    def job(self, key: str) -> str:
        return f"{self.prefix}job:{key}"

    def body(self, key: str) -> str:
        return f"{self.prefix}body:{key}"

    def upload(self, name: str) -> str:
        """A large body, until a job is made of it."""
        return f"{self.prefix}upload:{name}"

    def stream(self, key: str) -> str:
        return f"{self.prefix}stream:{key}"

    def ended(self, key: str) -> str:
        """The whole of a short stream that has ended, in the stream's place."""
        return f"{self.prefix}ended:{key}"

    def templates(self, key: str) -> str:
        return f"{self.prefix}templates:{key}"

    def seats(self, account: str) -> str:
        """An account's seats, in its home partition."""
        return f"{self.prefix}seats:{account}"

    def account(self, name: str) -> str:
        return f"{self.prefix}account:{name}"

    @property
    def wake(self) -> str:
        return f"{self.prefix}wake"

    @property
    def wake_batch(self) -> str:
        return f"{self.prefix}wake-batch"

    def recall(self, holder: str) -> str:
        return f"{self.prefix}recall:{holder}"


class Keys:
    """The names of one deployment."""

    def __init__(self, deployment: str, partitions: int) -> None:
        self._deployment = deployment
        self.partitions = tuple(Partition(n, f"{deployment}:{{p{n}}}:") for n in range(partitions))
        self.channel_prefix = f"{deployment}:c:"  # then a job key: the job's messages
        self.control_prefix = f"{deployment}:w:"  # then a holder: keys of cancelled jobs
        self.asked_prefix = f"{deployment}:j:"  # then an API process: asked whether it is there

    def partition(self, key: str) -> Partition:
        """The partition of a job."""
        if len(self.partitions) == 1:
            return self.partitions[0]
        return self.partitions[zlib.crc32(key.encode()) % len(self.partitions)]

    def home(self, account: str) -> Partition:
        """The partition that keeps what an account has in all partitions together."""
        return self.partition(account)

    @property
    def layout(self) -> str:
        """The key that keeps the number of partitions that the deployment's data was made with."""
        return f"{self._deployment}:layout"

    @property
    def breaker_channel(self) -> str:
        """Changes of circuit breakers."""
        return f"{self._deployment}:b"

    @property
    def ticket_key(self) -> str:
        """The key that tickets are signed with, unless the operator has set one."""
        return f"{self._deployment}:ticket-key"

    def channel(self, key: str) -> str:
        return self.channel_prefix + key

"""How an answer of the broker's can be lost."""

from streamhold_client.faults import Faults


class Lost(ConnectionError):
    """The connection ended before the answer did."""


class Unsent(Lost):
    """There was no connection."""


class Silent(TimeoutError):
    """Nothing came for too long."""


class Broken(Exception):
    """The stream can't be gone on with."""


FAULTS = Faults((Lost,), (Unsent,), (Silent,), (Lost, Silent), Broken)

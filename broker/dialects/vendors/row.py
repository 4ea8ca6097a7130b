"""One row of the table of what vendors take."""

import msgspec

from broker.dialects.vendors.model import Model, Version
from broker.settings.takes import Takes


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What models take that are asked in a dialect.

    The row is about those of ``vendor`` (empty: all that speak the dialect), of these ``families``
    (none: all), from the version ``since`` on and older than ``before``. Of several rows that say
    something of the same, the last one holds.
    """

    name: str
    dialects: tuple[str, ...]
    takes: Takes
    source: str  # where the vendor says so, or what it answers otherwise
    vendor: str = ""
    families: tuple[str, ...] = ()
    since: Version = (0, 0)
    before: Version = (1000, 0)
    direct: bool = False  # not where a relay names its vendor before it

    def is_about(self, dialect: str, model: Model) -> bool:
        """Whether a model that is asked in this dialect is meant."""
        if dialect not in self.dialects:
            return False
        if not self.vendor:
            return True
        if self.direct and model.relayed:
            return False
        known = self.vendor == model.vendor and self.since <= model.version < self.before
        return known and (not self.families or model.family in self.families)
